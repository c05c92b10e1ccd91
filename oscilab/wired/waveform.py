"""Volts over time, as levels that are held: a waveform as long as an hour fits in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oscilab.types import FloatArray, IndexArray, IntArray

BLOCK = 1 << 13
"""Numbers that are worked on at a time, so that they stay in a processor's nearest memory."""


@dataclass(frozen=True, eq=False)
class Waveform:
    """Levels held one after the other on some outputs, the others staying as they are.

    `lines` `[line]` are output numbers, `levels` `[line, step]` volts (0 or 1 on digital lines),
    `samples` `[step]` for how many samples each step is held, one or more. The whole is played
    `repeats` times back to back, as a board does that regenerates its buffer.

    What is asked of the levels is remembered, so that they cannot be written through it.
    """

    lines: IndexArray
    levels: FloatArray
    samples: IntArray
    repeats: int = 1

    def __post_init__(self) -> None:
        levels = self.levels.view()
        levels.flags.writeable = False
        object.__setattr__(self, "levels", levels)

    @cached_property
    def ends(self) -> IntArray:
        """One past the last sample of every step, `[step]`, within one repeat."""
        return np.cumsum(self.samples)

    @cached_property
    def lowest(self) -> FloatArray:
        """The lowest level of each line, `[line]`."""
        return self.levels.min(axis=1)

    @cached_property
    def highest(self) -> FloatArray:
        """The highest level of each line, `[line]`."""
        return self.levels.max(axis=1)

    def changes_within(self, bound: FloatArray, start: FloatArray) -> bool:
        """Whether no step, nor that from `start` `[line]`, is larger than `bound` `[line]`.

        Where a level is not a number, one is.
        """
        # A line whose whole span is less than one step may be needs no look at its steps.
        span = np.maximum(self.highest, start) - np.minimum(self.lowest, start)
        return bool((span <= bound).all() or (self.largest_change(start) <= bound).all())

    def largest_change(self, start: FloatArray) -> FloatArray:
        """The largest change of each line, `[line]`: from `start`, by a step, into a repeat."""
        first = self.levels[:, 0]
        largest = np.maximum(self.steepest, np.abs(first - start))
        if self.repeats > 1:
            largest = np.maximum(largest, np.abs(first - self.levels[:, -1]))
        return largest

    @cached_property
    def steepest(self) -> FloatArray:
        """The largest change of each line between neighbouring steps of one repeat, `[line]`."""
        count, steps = self.levels.shape
        found = np.zeros(count)
        if steps < 2:
            return found
        # A few lines at a time: a large temporary costs more than the arithmetic on it.
        rows = max(1, min(count, BLOCK // steps))
        changes = np.empty((rows, steps - 1))
        for first in range(0, count, rows):
            block = self.levels[first : first + rows]
            part = np.subtract(block[:, 1:], block[:, :-1], out=changes[: len(block)])
            np.maximum(part.max(axis=1), -part.min(axis=1), out=found[first : first + rows])
        return found

    @property
    def length(self) -> int:
        """Samples in one repeat."""
        return int(self.ends[-1])

    def part(self, steps: slice) -> Waveform:
        """Some of its steps, once; itself where these are all."""
        if self.repeats == 1 and steps == slice(0, self.levels.shape[1]):
            return self
        return Waveform(self.lines, self.levels[:, steps], self.samples[steps])

    def seconds(self, rate_hz: float) -> float:
        """How long all repeats take."""
        return self.repeats * self.length / rate_hz

    def step_of(self, samples: IntArray) -> IndexArray:
        """The step that each of `samples` belongs to."""
        return np.searchsorted(self.ends, samples, side="right")

    def leave(self, levels: FloatArray, played: int | None) -> None:
        """Put its lines in `levels` `[output]` where they are after `played` samples, of all
        repeats; at its end where that is None.
        """
        if played is None:
            levels[self.lines] = self.levels[:, -1]
        elif played:
            last = np.array([(played - 1) % self.length])
            levels[self.lines] = self.levels[:, self.step_of(last)[0]]

    def expand(self, start: int, stop: int) -> FloatArray:
        """Samples `start` to `stop` of one repeat, written out: `[line, sample]`."""
        return self.levels[:, self.step_of(np.arange(start, stop))]
