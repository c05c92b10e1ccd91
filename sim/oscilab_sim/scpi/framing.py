"""From a stream of bytes to program messages: lines, in which blocks may hold any byte."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_TEXT = 1 << 20
"""Bytes of a message outside its blocks."""
MOST_BLOCK = 1 << 26
_SPECIAL = re.compile(rb"""[\n"'#]""")


@dataclass(frozen=True)
class Overrun:
    """A message longer than the instrument's input buffer; nothing of it is executed."""


class Framer:
    """Takes bytes as they come and gives messages `bytes` without their terminator.

    A newline ends a message, also inside quotes, but not inside a block of definite length
    (`#210ten bytes!`). What exceeds the buffer is dropped up to the next newline.
    """

    def __init__(self, most_text: int = MOST_TEXT, most_block: int = MOST_BLOCK) -> None:
        self._most_text, self._most_block = most_text, most_block
        self._buffer = bytearray()
        self._at = 0
        self._in_blocks = 0
        self._quote: int | None = None
        self._dropping = False

    @property
    def in_block(self) -> bool:
        """Whether bytes of a block are still to come."""
        return self._buffer[self._at : self._at + 1] == b"#"

    def feed(self, data: bytes) -> list[bytes | Overrun]:
        """The messages that end within `data`, and overruns that it shows."""
        self._buffer += data
        found: list[bytes | Overrun] = []
        while True:
            message = self._next()
            if message is None:
                return found
            found.append(message)

    def _next(self) -> bytes | Overrun | None:
        if self._dropping:
            end = self._buffer.find(b"\n")
            if end < 0:
                self._buffer.clear()
                return None
            del self._buffer[: end + 1]
            self._dropping = False
        while (special := _SPECIAL.search(self._buffer, self._at)) is not None:
            place, byte = special.start(), self._buffer[special.start()]
            if place - self._in_blocks > self._most_text:
                return self._overrun()
            if byte == 0x0A:
                message = bytes(self._buffer[:place])
                del self._buffer[: place + 1]
                self._restart()
                return message
            self._at = place + 1
            if byte != 0x23:
                if self._quote is None:
                    self._quote = byte
                elif self._quote == byte:
                    self._quote = None
            elif self._quote is None:
                stop = self._block_end(place)
                if stop is None:
                    self._at = place
                    return None
                if stop - place > self._most_block:
                    return self._overrun()
                if stop > len(self._buffer):
                    self._at = place
                    return None
                self._in_blocks += stop - place
                self._at = stop
        self._at = len(self._buffer)
        return self._overrun() if self._at - self._in_blocks > self._most_text else None

    def _block_end(self, place: int) -> int | None:
        """One past the block that begins at `place`, None where more bytes must tell.

        `place + 1` where there is no block: a hexadecimal number, a block of indefinite length.
        """
        digits = self._buffer[place + 1 : place + 2]
        if not digits:
            return None
        if not b"1" <= digits <= b"9":
            return place + 1
        begin = place + 2 + int(digits)
        length = self._buffer[place + 2 : begin]
        if not (length.isdigit() or not length):
            return place + 1
        return begin + int(length) if len(length) == int(digits) else None

    def _overrun(self) -> Overrun:
        self._restart()
        self._dropping = True
        return Overrun()

    def _restart(self) -> None:
        self._at = self._in_blocks = 0
        self._quote = None
