"""What every virtual instrument has: IEEE 488.2 commands, status registers, an error queue."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from oscilab_sim.scpi.call import Call, quoted
from oscilab_sim.scpi.errors import ErrorQueue, ScpiError
from oscilab_sim.scpi.framing import Overrun
from oscilab_sim.scpi.message import Command, commands
from oscilab_sim.scpi.tree import CommandTree

logger = logging.getLogger(__name__)


class Instrument:
    """An instrument that answers program messages.

    `identity` is the reply to `*IDN?`. Errors are written as `sign` (Keysight puts a plus before
    zero). Replies of one message are joined by semicolons. `busy_s` is how long the commands since
    it was last looked at keep the instrument busy, in seconds of its own.
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
        """Execute one message; what is wrong with it goes into the error queue.

        The reply, without a terminator, or None. A command error ends the message, an execution
        error only its command.
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
        """Put an error into the queue, and its bit into the event register."""
        logger.debug("%s: %s", self.identity, error)
        self._event |= error.event_bit
        self.errors.push(error)

    def reset(self) -> None:
        """What `*RST` does beyond leaving queues and registers alone."""

    def trigger(self) -> None:
        """What `*TRG` does."""
        raise ScpiError(-211)

    def take_busy(self) -> float:
        """`busy_s`, which starts again from zero."""
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
