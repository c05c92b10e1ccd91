"""The error queue of a SCPI instrument, and its standard codes and messages."""

from __future__ import annotations

from collections import deque

MESSAGES = {
    -100: "Command error",
    -101: "Invalid character",
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -110: "Command header error",
    -112: "Program mnemonic too long",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -121: "Invalid character in number",
    -123: "Exponent too large",
    -124: "Too many digits",
    -131: "Invalid suffix",
    -138: "Suffix not allowed",
    -141: "Invalid character data",
    -151: "Invalid string data",
    -161: "Invalid block data",
    -171: "Invalid expression",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -241: "Hardware missing",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
}
"""SCPI 1999.0, volume 2, chapter 21.8."""
QUEUE_LENGTH = 20


class ScpiError(Exception):
    """The refusal of a command; `message` replaces the standard one."""

    def __init__(self, code: int, message: str | None = None) -> None:
        self.code = code
        self.message = message or MESSAGES[code]
        super().__init__(f'{code},"{self.message}"')

    @property
    def is_command_error(self) -> bool:
        """Whether the rest of the message cannot be parsed either."""
        return -199 <= self.code <= -100

    @property
    def event_bit(self) -> int:
        """Its bit in the standard event status register (IEEE 488.2, 11.5.1)."""
        if self.is_command_error:
            return 32
        if -299 <= self.code <= -200:
            return 16
        return 4 if -499 <= self.code <= -400 else 8


class ErrorQueue:
    """A first-in, first-out queue; the last entry of a full queue becomes "Queue overflow"."""

    def __init__(self, length: int = QUEUE_LENGTH) -> None:
        self._length = length
        self._errors: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        return len(self._errors)

    def push(self, error: ScpiError) -> None:
        """Add an error, or mark the overflow."""
        if len(self._errors) < self._length:
            self._errors.append((error.code, error.message))
        else:
            self._errors[-1] = (-350, MESSAGES[-350])

    def pop(self) -> tuple[int, str]:
        """Remove and return the oldest error, or 0, "No error"."""
        return self._errors.popleft() if self._errors else (0, "No error")

    def clear(self) -> None:
        """Remove all errors."""
        self._errors.clear()
