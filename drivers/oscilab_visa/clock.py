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

    def catch_up(self) -> None:
        """Let pass what was waited for, where that was put off until it matters."""
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

    def catch_up(self) -> None:
        """Nothing is put off."""

    def interrupt(self) -> None:
        """End a wait that is going on."""
        self._stop.set()


class InstrumentClock:
    """An instrument that answers when the time has passed.

    Waits add up until the next command to any instrument: nobody can tell, and a pause that is cut
    into many pieces costs one message.
    """

    def __init__(self, link: Link, table: ClockTable) -> None:
        self._link, self._table = link, table
        self._owed = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """What it tells, after all that was waited for."""
        self.catch_up()
        return self._link.numbers(self._table.now, 1)[0]

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass before the next command."""
        with self._lock:
            self._owed += seconds

    def catch_up(self) -> None:
        """Ask it to answer when they have passed."""
        with self._lock:
            owed, self._owed = self._owed, 0.0
            if owed > 0:
                self._link.ask(self._table.wait.format(seconds=owed), owed)

    def interrupt(self) -> None:
        """It cannot be told to stop; its wait ends by itself."""
