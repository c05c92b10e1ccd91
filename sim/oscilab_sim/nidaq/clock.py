"""The virtual clock, in ticks of the 100 MHz timebase from which boards divide their clocks."""

from __future__ import annotations

import time

TIMEBASE_HZ = 100_000_000
"""Sample clocks are whole divisions of it, as on the boards."""


class Clock:
    """Ticks since the start.

    With `pace` 0 time passes as on a wall clock, and jumps ahead where a call would wait. With a
    positive pace a second of the boards takes so many real ones, and nothing jumps.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self.pace = pace
        self.now = 0
        self._seen = time.monotonic()
        self.began_s = time.time()
        """When it was at 0, in seconds of Unix's clock."""

    @property
    def hz(self) -> int:
        """Ticks per second."""
        return TIMEBASE_HZ

    @property
    def jumps(self) -> bool:
        """Whether waiting costs no real time."""
        return self.pace == 0

    @property
    def seconds(self) -> float:
        """The time now."""
        return self.now / TIMEBASE_HZ

    def drifted(self) -> int:
        """Where the clock should be by now, of the time that really passed since the last call."""
        seen = time.monotonic()
        passed, self._seen = seen - self._seen, seen
        return self.now + int(passed / (self.pace or 1.0) * TIMEBASE_HZ)

    def real_seconds(self, ticks: int) -> float:
        """How long `ticks` take in real time."""
        return ticks / TIMEBASE_HZ * (self.pace or 1.0)


def divided(rate_hz: float) -> int:
    """Ticks per sample of the clock that a board makes where `rate_hz` is asked for.

    Where the timebase has no such division it takes the next faster one, as NI-DAQmx does.
    """
    return max(1, int(TIMEBASE_HZ / rate_hz * (1 + 1e-12)))
