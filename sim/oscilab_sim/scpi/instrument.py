"""The base of every virtual instrument: commands, settings, status registers, error queue."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from oscilab_sim.scpi.errors import ErrorQueue, ScpiError
from oscilab_sim.scpi.message import Call, Command, Overrun, commands, plain, quoted

Handler = Callable[[Call], str | None]
MOST_CACHED = 4096
_NODE = re.compile(r"(\[)?:?(\*?[A-Za-z]+)(#)?(\])?")
Value = float | str
Style = Callable[[float], str]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Entry:
    expression: re.Pattern[str]
    set: Handler | None
    ask: Handler | None


class CommandTree:
    """Commands by pattern: `[SOURce#]:VOLTage[:LEVel]`.

    Capitals are the short form, brackets mark optional parts, and `#` an optional number that is 1
    by default.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._known: dict[str, tuple[_Entry, tuple[int, ...]]] = {}

    def add(self, pattern: str, set: Handler | None = None, ask: Handler | None = None) -> None:
        """Add a command (`set`), a query (`ask`) or both."""
        self._entries.append(_Entry(re.compile(_expression(pattern)), set, ask))

    def run(self, command: Command) -> str | None:
        """Execute a command, and return the reply of a query.

        Raises:
            ScpiError: an unknown header, or a refusal of the handler.
        """
        entry, suffixes = self._find(command.header)
        handler = entry.ask if command.is_query else entry.set
        if handler is None:
            raise ScpiError(-113)
        return handler(Call(command.parameters, command.is_query, suffixes))

    def _find(self, header: str) -> tuple[_Entry, tuple[int, ...]]:
        if header in self._known:
            return self._known[header]
        for entry in self._entries:
            match = entry.expression.fullmatch(":" + header)
            if match is not None:
                numbers = tuple(int(text) if text else 1 for text in match.groups())
                if len(self._known) >= MOST_CACHED:
                    self._known.clear()
                self._known[header] = (entry, numbers)
                return entry, numbers
        raise ScpiError(-113)


def _expression(pattern: str) -> str:
    """Return the regular expression of whole headers, with a colon before every word."""
    parts: list[str] = []
    for opened, word, numbered, _ in _NODE.findall(pattern):
        short = re.sub("[a-z]", "", word)
        forms = "|".join(dict.fromkeys([re.escape(short), re.escape(word.upper())]))
        node = f":(?:{forms})" + (r"(\d{1,4})?" if numbered else "")
        parts.append(f"(?:{node})?" if opened else node)
    return "".join(parts)


@dataclass(frozen=True)
class Setting:
    """The allowed values of a setting, and its value after `*RST`.

    `words` stand for numbers (`INFinity`); capitals in `choices` are the short form.
    """

    name: str
    pattern: str
    default: Value
    kind: Literal["number", "integer", "boolean", "word", "text"] = "number"
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    words: Mapping[str, float] = field(default_factory=dict[str, float])
    choices: tuple[str, ...] = ()

    def value(self, call: Call) -> Value:
        """Return the first parameter as a checked value."""
        if self.kind == "number":
            return call.number(0, self.unit, self.low, self.high, self.words)
        if self.kind == "integer":
            words = {**self.words}
            return float(round(call.number(0, "", self.low, self.high, words)))
        if self.kind == "boolean":
            return float(call.boolean(0))
        return call.word(0, self.choices) if self.kind == "word" else call.text(0)


class SettingsTable:
    """All settings of one instrument, by name and channel.

    The channel is the number in the header or, where `lists` are allowed, a channel list after the
    value, which may name several channels.
    """

    def __init__(
        self,
        tree: CommandTree,
        channels: Collection[int],
        lists: bool,
        style: Style = plain,
    ) -> None:
        self.channels = sorted(channels)
        self._tree, self._lists, self._style = tree, lists, style
        self._settings: dict[str, Setting] = {}
        self._values: dict[tuple[str, int], Value] = {}

    def add(
        self, setting: Setting, changed: Callable[[int], None] | None = None, lone: bool = False
    ) -> None:
        """Add a setting. `changed` is called with the channel after a change.

        A `lone` setting has no channels.
        """
        self._settings[setting.name] = setting

        def set_it(call: Call) -> None:
            call.expect(1, 1 if lone or not self._lists else 2)
            numbers = [0] if lone else self.named(call, 1)
            value = setting.value(call)
            for number in numbers:
                self._values[setting.name, number] = value
                if changed is not None:
                    changed(number)

        def ask_it(call: Call) -> str:
            limit = call.has(0) and not call.is_channel_list(0)
            if limit and setting.kind in ("number", "integer"):
                return self._written(setting, call.number(0, setting.unit, setting.low,
                                                          setting.high))  # fmt: skip
            call.expect(0, 0 if lone else 1)
            numbers = [0] if lone else self.named(call, 0)
            return ",".join(self._written(setting, self.get(setting.name, n)) for n in numbers)

        self._tree.add(setting.pattern, set_it, ask_it)

    def keep(self, name: str, default: Value) -> None:
        """Add a value without a command; `*RST` resets it as well."""
        self._settings[name] = Setting(name, "", default)

    def named(self, call: Call, place: int) -> list[int]:
        """Return the channels that a call addresses.

        Raises:
            ScpiError: a channel that the instrument does not have.
        """
        if call.has(place):
            if not self._lists:
                raise ScpiError(-108)
            return call.channels(place, self.channels)
        number = call.suffixes[0] if call.suffixes else self.channels[0]
        if number not in self.channels:
            raise ScpiError(-114)
        return [number]

    def get(self, name: str, channel: int = 0) -> Value:
        """Return the current value."""
        return self._values.get((name, channel), self._settings[name].default)

    def number(self, name: str, channel: int = 0) -> float:
        """Return a value that is a number."""
        value = self.get(name, channel)
        assert isinstance(value, float | int)
        return float(value)

    def put(self, name: str, channel: int, value: Value) -> None:
        """Change a value without calling `changed`."""
        self._values[name, channel] = value

    def reset(self) -> None:
        """Reset all values, as `*RST` does."""
        self._values.clear()

    def _written(self, setting: Setting, value: Value) -> str:
        if isinstance(value, str):
            return quoted(value) if setting.kind == "text" else value
        if setting.kind == "boolean":
            return str(int(value))
        if setting.kind == "integer" and math.isfinite(value) and abs(value) < 1e15:
            return str(int(value))
        return self._style(value)


class Instrument:
    """An instrument that answers program messages.

    `identity` is the reply to `*IDN?`. `sign` is the sign that error codes have before zero: "+" on
    Keysight instruments. Replies to one message are joined by semicolons. `busy_s` is the time in
    seconds for which the commands since the last `take_busy` keep the instrument busy.
    """

    sign = ""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.errors = ErrorQueue()
        self.tree = CommandTree()
        self.busy_s = 0.0
        self._event, self._event_enable, self._service_enable = 128, 0, 0
        self._add_common()

    def handle(self, message: bytes | Overrun) -> str | None:
        """Execute one message; errors go into the error queue.

        Return the reply without a terminator, or None. A command error ends the message, an
        execution error only its command.
        """
        if isinstance(message, Overrun):
            self.note(ScpiError(-363))
            return None
        replies: list[str] = []
        try:
            for command in commands(message):
                reply = self._executed(command)
                if reply is not None:
                    replies.append(reply)
        except ScpiError as error:
            self.note(error)
        return ";".join(replies) if replies else None

    def note(self, error: ScpiError) -> None:
        """Add an error to the queue, and its bit to the event register."""
        logger.debug("%s: %s", self.identity, error)
        self._event |= error.event_bit
        self.errors.push(error)

    def reset(self) -> None:
        """Reset the instrument (`*RST`); queues and registers stay as they are."""

    def trigger(self) -> None:
        """Trigger the instrument (`*TRG`)."""
        raise ScpiError(-211)

    def take_busy(self) -> float:
        """Return `busy_s` and reset it to zero."""
        busy, self.busy_s = self.busy_s, 0.0
        return busy

    def _executed(self, command: Command) -> str | None:
        try:
            return self.tree.run(command)
        except ScpiError as error:
            if error.is_command_error:
                raise
            self.note(error)
            return None

    def _add_common(self) -> None:
        add = self.tree.add
        add("*IDN", ask=lambda call: self.identity)
        add("*RST", lambda call: self.reset())
        add("*CLS", lambda call: self._clear())
        add("*OPC", lambda call: self._mark(1), lambda call: "1")
        add("*WAI", lambda call: None)
        add("*TRG", lambda call: self.trigger())
        add("*TST", ask=lambda call: f"{self.sign}0")
        add("*ESR", ask=lambda call: self._take_event())
        add("*ESE", self._set_event_enable, lambda call: self._signed(self._event_enable))
        add("*SRE", self._set_service_enable, lambda call: self._signed(self._service_enable))
        add("*STB", ask=lambda call: self._signed(self._status()))
        add("*OPT", ask=lambda call: "0")
        add("SYSTem:ERRor[:NEXT]", ask=lambda call: self._written([self.errors.pop()]))
        add("SYSTem:ERRor:COUNt", ask=lambda call: self._signed(len(self.errors)))
        add("SYSTem:ERRor:ALL", ask=lambda call: self._all_errors())
        add("SYSTem:VERSion", ask=lambda call: "1999.0")
        add("SYSTem:BEEPer[:IMMediate]", lambda call: None)

    def _clear(self) -> None:
        self.errors.clear()
        self._event = 0

    def _mark(self, bits: int) -> None:
        self._event |= bits

    def _take_event(self) -> str:
        event, self._event = self._event, 0
        return self._signed(event)

    def _set_event_enable(self, call: Call) -> None:
        call.expect(1)
        self._event_enable = call.integer(0, 0, 255)

    def _set_service_enable(self, call: Call) -> None:
        call.expect(1)
        self._service_enable = call.integer(0, 0, 255)

    def _status(self) -> int:
        status = 32 if self._event & self._event_enable else 0
        status |= 4 if len(self.errors) else 0
        return status | (64 if status & self._service_enable else 0)

    def _all_errors(self) -> str:
        return self._written([self.errors.pop() for _ in range(max(1, len(self.errors)))])

    def _written(self, errors: Iterable[tuple[int, str]]) -> str:
        return ",".join(f"{self._signed(code)},{quoted(message)}" for code, message in errors)

    def _signed(self, number: int) -> str:
        return f"{number:+d}" if self.sign else str(number)
