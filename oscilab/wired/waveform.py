"""Volts over time, as levels that are held: a waveform as long as an hour fits in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Waveform:
    """Levels held one after the other on some outputs, the others staying as they are.

    `lines` `[line]` are output numbers, `levels` `[line, step]` volts (0 or 1 on digital lines),
    `samples` `[step]` for how many samples each step is held, one or more. The whole is played
    `repeats` times back to back, as a board does that regenerates its buffer.
    """

    lines: NDArray[np.intp]
    levels: NDArray[np.floating]
    samples: NDArray[np.int64]
    repeats: int = 1

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """One past the last sample of every step, `[step]`, within one repeat."""
        return np.cumsum(self.samples)

    @property
    def length(self) -> int:
        """Samples in one repeat."""
        return int(self.ends[-1])

    def seconds(self, rate_hz: float) -> float:
        """How long all repeats take."""
        return self.repeats * self.length / rate_hz

    def step_of(self, samples: NDArray[np.int64]) -> NDArray[np.intp]:
        """The step that each of `samples` belongs to."""
        return np.searchsorted(self.ends, samples, side="right")

    def expand(self, start: int, stop: int) -> NDArray[np.floating]:
        """Samples `start` to `stop` of one repeat, written out: `[line, sample]`."""
        return self.levels[:, self.step_of(np.arange(start, stop))]
