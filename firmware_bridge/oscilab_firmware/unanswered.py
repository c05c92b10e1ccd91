"""Commands that were sent and not answered yet, in the order of their numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

WRAP = 1 << 16
"""Numbers of commands count modulo this."""


class Sent(NamedTuple):
    """A command as it went over the line."""

    kind: int
    sequence: int
    data: bytes


class Unanswered:
    """A queue that also knows the number of the next command, `first` to begin with.

    Whatever interrupts it between two lines, no number is lost and none is used twice.
    """

    def __init__(self, first: int) -> None:
        self._sent: deque[Sent] = deque()
        self._next = first % WRAP
        self.size = 0
        """Bytes under way."""

    def __len__(self) -> int:
        return len(self._sent)

    def __iter__(self) -> Iterator[Sent]:
        return iter(list(self._sent))

    @property
    def oldest(self) -> int:
        """The number of the command that was sent first."""
        return self._sent[0].sequence

    @property
    def next_number(self) -> int:
        """The number that the next command gets."""
        return (self._sent[-1].sequence + 1) % WRAP if self._sent else self._next

    def add(self, sent: Sent) -> None:
        """Keep a command, which has `next_number`."""
        self._sent.append(sent)
        self.size += len(sent.data)

    def place_of(self, sequence: int) -> int | None:
        """Where the command of that number stands, if it is there."""
        if not self._sent:
            return None
        place = (sequence - self._sent[0].sequence) % WRAP
        return place if place < len(self._sent) else None

    def kind_at(self, place: int) -> int:
        """The kind of the command at a place."""
        return self._sent[place].kind

    def strike_out(self, place: int) -> None:
        """Drop the command at a place, and all before it."""
        for _ in range(place + 1):
            # In this order, so that an interruption between two lines loses no number.
            self._next = (self._sent[0].sequence + 1) % WRAP
            self.size -= len(self._sent.popleft().data)
        if not self._sent:
            self.size = 0

    def take_back(self, sequence: int) -> bool:
        """Free the number of the last command, if it is that one; whether it was."""
        if not self._sent or self._sent[-1].sequence != sequence:
            return False
        self._next = sequence
        self.size -= len(self._sent.pop().data)
        return True
