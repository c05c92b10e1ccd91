"""The buffers between host and board, one of each kind a task."""

from __future__ import annotations

from collections import deque

import numpy as np
from nidaqmx.error_codes import DAQmxErrors

from oscilab.types import Volts
from oscilab_sim.nidaq.faults import DaqFault


class InputBuffer:
    """Samples `[line, sample]` on their way to the host, `period` ticks apart; `size` fit."""

    def __init__(self, lines: int, size: int, overwrites: bool, period: int) -> None:
        self._chunks: deque[tuple[int, Volts]] = deque()
        self._period = period
        self._lines = lines
        self._size = size
        self._overwrites = overwrites
        self.taken = 0
        """Samples acquired since the start."""
        self.read = 0
        """The next one to hand out."""

    @property
    def available(self) -> int:
        """Samples to hand out."""
        return self.taken - self.read

    @property
    def room(self) -> int:
        """Samples that fit before one is lost."""
        return self._size - self.available

    @property
    def tick(self) -> int | None:
        """When the next sample to hand out was taken."""
        return self._chunks[0][0] if self._chunks else None

    def put(self, samples: Volts, tick: int) -> None:
        """Take in samples, the first of which was taken at `tick`.

        Raises:
            DaqFault: some that were not read yet were lost.
        """
        if samples.shape[1]:
            self._chunks.append((tick, samples))
        self.taken += samples.shape[1]
        lost = self.available - self._size
        if lost > 0:
            self.take(lost)
            if not self._overwrites:
                raise DaqFault(
                    DAQmxErrors.SAMPLES_NO_LONGER_AVAILABLE,
                    "The application is not able to keep up with the hardware acquisition.\n\n"
                    "Increasing the buffer size, reading the data more frequently, or specifying "
                    "a fixed number of samples to read instead of reading all available samples "
                    "might correct the problem.",
                    read=0,
                )

    def take(self, count: int) -> Volts:
        """The oldest `count` samples, `[line, sample]`."""
        parts: list[Volts] = []
        missing = count
        while missing:
            tick, first = self._chunks.popleft()
            if first.shape[1] > missing:
                rest = tick + missing * self._period
                self._chunks.appendleft((rest, first[:, missing:]))
                first = first[:, :missing]
            parts.append(first)
            missing -= first.shape[1]
        self.read += count
        return np.concatenate(parts, axis=1) if parts else np.empty((self._lines, 0))


class OutputBuffer:
    """Samples `[line, sample]` on their way to the board, in a ring of `size`."""

    def __init__(self, lines: int, size: int) -> None:
        self.size = size
        self.written = 0
        """Samples written since the last start, or before it."""
        self._ring = np.zeros((lines, size))

    def space(self, made: int, regenerates: bool) -> int:
        """Samples that can be written, when `made` were generated."""
        if regenerates and made:
            return self.size
        return self.size - max(self.written - made, 0)

    def put(self, samples: Volts) -> None:
        """Write `[line, sample]`, at most `size` of them."""
        places = (self.written + np.arange(samples.shape[1])) % self.size
        self._ring[:, places] = samples
        self.written += samples.shape[1]

    def samples(self, position: int, count: int, regenerates: bool) -> Volts:
        """`count` samples from `position` on."""
        period = min(self.size, self.written) if regenerates else self.size
        first = position % period
        if first + count <= period:
            return self._ring[:, first : first + count]
        return self._ring[:, (first + np.arange(count)) % period]
