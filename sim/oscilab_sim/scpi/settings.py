"""Settings that a command sets, a query returns and `*RST` puts back: most of an instrument."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from oscilab_sim.scpi.call import Call, plain, quoted
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.tree import CommandTree

Value = float | str
Style = Callable[[float], str]


@dataclass(frozen=True)
class Setting:
    """What a setting takes, and its value after `*RST`.

    `words` stand for numbers (`INFinity`); of `choices` the capitals are the short form.
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
        """The first parameter, checked."""
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

    A channel comes from the header's number, or, where `lists` are allowed, from a channel list
    behind the value, which may name several.
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
        """One more; `changed` is told of the channel afterwards. A `lone` one has no channels."""
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
        """A value without a command of its own, which `*RST` puts back as well."""
        self._settings[name] = Setting(name, "", default)

    def named(self, call: Call, place: int) -> list[int]:
        """The channels that a call is about.

        Raises:
            ScpiError: one that the instrument does not have.
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
        """A value as it is now."""
        return self._values.get((name, channel), self._settings[name].default)

    def number(self, name: str, channel: int = 0) -> float:
        """A value that is a number."""
        value = self.get(name, channel)
        assert isinstance(value, float | int)
        return float(value)

    def put(self, name: str, channel: int, value: Value) -> None:
        """Change a value without anybody being told."""
        self._values[name, channel] = value

    def reset(self) -> None:
        """All values as after `*RST`."""
        self._values.clear()

    def _written(self, setting: Setting, value: Value) -> str:
        if isinstance(value, str):
            return quoted(value) if setting.kind == "text" else value
        if setting.kind == "boolean":
            return str(int(value))
        if setting.kind == "integer" and math.isfinite(value) and abs(value) < 1e15:
            return str(int(value))
        return self._style(value)
