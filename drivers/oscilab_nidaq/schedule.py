"""How a waveform goes through buffers of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oscilab.types import FloatArray, IntArray
from oscilab.wired.waveform import Waveform

TIMEBASE_HZ = 100e6
"""Boards divide it; a rate that is such a division is played as it is asked for."""
LARGEST = 4_000_000
"""Values that a buffer between this computer and the boards holds: 32 MB."""
LOOK_S = 0.05
"""Readings are fetched, and looked at, so often, where that is worth a call."""
FEWEST, MOST = 1000, 10_000
"""Samples fetched at a time."""
SHORTEST = 2
"""NI-DAQmx plays no fewer samples from a buffer."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """One waveform on one clock.

    `total` samples are played. `buffer` of them fit; where the board `regenerates`, it plays that
    many over and over, otherwise half of them are written again as they were played. `chunk`
    samples are read at a time.
    """

    waveform: Waveform
    rate_hz: float
    total: int
    buffer: int
    regenerates: bool
    chunk: int

    @classmethod
    def of(cls, waveform: Waveform, rate_hz: float) -> Schedule:
        """The schedule of `waveform` on a clock that boards can make.

        It is the next slower one, so that no slew limit is exceeded.
        """
        # Rounding must not turn a rate that a board can make into the next slower one.
        rate = TIMEBASE_HZ / math.ceil(TIMEBASE_HZ / rate_hz * (1 - 1e-12))
        total = max(waveform.repeats * waveform.length, SHORTEST)
        most = LARGEST // max(len(waveform.lines), 1)
        chunk = min(max(int(rate * LOOK_S), FEWEST), MOST)
        if waveform.repeats > 1 and SHORTEST <= waveform.length <= most:
            return cls(waveform, rate, total, waveform.length, True, chunk)
        return cls(waveform, rate, total, min(total, most), False, chunk)

    def input_buffer(self, lines: int) -> int:
        """Samples per input that are kept until they are read; 0 for all, as NI-DAQmx does."""
        size = max(10 * self.chunk, LARGEST // max(lines, 1))
        return size if self.total >= size else 0

    def first(self) -> FloatArray:
        """What is written before the start, `[line, sample]`."""
        if self.regenerates:
            return self._written_out(0, self.waveform.length)
        return self.samples(0, self.buffer)

    def further(self) -> Iterator[tuple[int, int]]:
        """What is written while it plays: from and to which sample, half a buffer at a time."""
        if not self.regenerates:
            half = max(self.buffer // 2, 1)
            for start in range(self.buffer, self.total, half):
                yield start, min(start + half, self.total)

    def samples(self, start: int, stop: int) -> FloatArray:
        """Samples of all repeats, written out: `[line, sample]`."""
        waveform = self.waveform
        if waveform.repeats == 1 and stop <= waveform.length:
            return self._written_out(start, stop)
        # A waveform that is too short to be played holds its last level.
        places = np.minimum(np.arange(start, stop), waveform.repeats * waveform.length - 1)
        return waveform.levels[:, waveform.step_of(places % waveform.length)]

    def _written_out(self, start: int, stop: int) -> FloatArray:
        if self.waveform.length == self.waveform.levels.shape[1]:
            # Every step is one sample: there is nothing to write out, and nothing to copy.
            return self.waveform.levels[:, start:stop]
        return self.waveform.expand(start, stop)

    def wanted(self, read: IntArray) -> IntArray:
        """Where the samples `read` of each repeat are among those of the inputs, ascending."""
        begins = np.arange(self.waveform.repeats, dtype=np.int64)[:, np.newaxis]
        return (begins * self.waveform.length + read + 1).ravel()
