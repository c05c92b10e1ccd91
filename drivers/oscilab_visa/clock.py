"""What keeps the time of a rack between commands: the computer, or an instrument."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from oscilab.wired.front_end import Aborted
from oscilab_visa.connection import ClockTable
from oscilab_visa.link import Link


class Clock(Protocol):
    """Seconds that pass."""

    def now(self) -> float:
        """Seconds from some beginning."""
        ...

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass.

        Raises:
            Aborted: `interrupt` was called meanwhile.
        """
        ...

    def interrupt(self) -> None:
        """End a wait, from another thread."""
        ...


class HostClock:
    """The computer's clock, whose waits may be late by what its operating system likes."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Wait, so that `interrupt` can end it."""
        self._stop.clear()
        if self._stop.wait(seconds):
            raise Aborted("a wait of the rack was aborted")

    def interrupt(self) -> None:
        """End a wait that is going on."""
        self._stop.set()


class InstrumentClock:
    """An instrument that answers when the time has passed."""

    def __init__(self, link: Link, table: ClockTable) -> None:
        self._link, self._table = link, table

    def now(self) -> float:
        """What it tells."""
        return self._link.numbers(self._table.now, 1)[0]

    def wait(self, seconds: float) -> None:
        """Ask it to answer in `seconds`."""
        self._link.ask(self._table.wait.format(seconds=seconds), seconds)

    def interrupt(self) -> None:
        """It cannot be told to stop; its wait ends by itself."""
