"""Volts over time, within the rate at which outputs may change.

A waveform is a sequence of levels that are held, so that one as long as an hour fits in memory.
Everything here is a pure function of waveforms; nothing knows a board.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oscilab.errors import OutOfLimits
from oscilab.types import BoolArray, FloatArray, IndexArray, IntArray, Volts

BLOCK = 1 << 13
"""Numbers that are worked on at a time, so that they stay in a processor's nearest memory."""
RAMP_SAMPLES = 1000
"""Samples in the longest ramp of a waveform: a faster clock would add steps and nothing else."""
SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Waveform:
    """Levels held one after the other on some outputs; the other outputs stay as they are.

    `lines` `[line]` are output numbers, `levels` `[line, step]` volts (0 or 1 on digital lines),
    `samples` `[step]` the number of samples that each step is held, one or more. The whole is
    played `repeats` times back to back, as a board does that regenerates its buffer.

    Extrema of the levels are cached, so the levels cannot be written through the waveform.
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
    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """The lowest and the highest level of each line, `[line]`."""
        return self.levels.min(axis=1), self.levels.max(axis=1)

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

    def largest_change(self, start: FloatArray) -> FloatArray:
        """Return the largest change of each line `[line]`: from `start` `[line]` into the first
        step, between steps, and from the last step into a repeat.
        """
        first = self.levels[:, 0]
        largest = np.maximum(self.steepest, np.abs(first - start))
        if self.repeats > 1:
            largest = np.maximum(largest, np.abs(first - self.levels[:, -1]))
        return largest

    def changes_within(self, bound: FloatArray, start: FloatArray) -> bool:
        """Return whether `largest_change` is at most `bound` `[line]`; False for a level of NaN."""
        # A line whose whole span is below the bound needs no look at its steps.
        lowest, highest = self.extremes
        span = np.maximum(highest, start) - np.minimum(lowest, start)
        return bool((span <= bound).all() or (self.largest_change(start) <= bound).all())

    def part(self, steps: slice) -> Waveform:
        """Return some of its steps, played once; itself where these are all."""
        if self.repeats == 1 and steps == slice(0, self.levels.shape[1]):
            return self
        return Waveform(self.lines, self.levels[:, steps], self.samples[steps])

    def seconds(self, rate_hz: float) -> float:
        """Return how long all repeats take."""
        return self.repeats * self.length / rate_hz

    def step_of(self, samples: IntArray) -> IndexArray:
        """Return the step that each of `samples` belongs to."""
        return np.searchsorted(self.ends, samples, side="right")

    def leave(self, levels: FloatArray, played: int) -> None:
        """Write into `levels` `[output]` where its lines are after `played` samples, counted over
        all repeats.
        """
        if played:
            last = np.array([(played - 1) % self.length])
            levels[self.lines] = self.levels[:, self.step_of(last)[0]]

    def expand(self, start: int, stop: int) -> FloatArray:
        """Return samples `start` to `stop` of one repeat, `[line, sample]`."""
        return self.levels[:, self.step_of(np.arange(start, stop))]


@dataclass(frozen=True, eq=False)
class Ramped:
    """A waveform with ramps before its steps.

    `steps` `[step]` are the places of the original steps among those of `waveform`,
    `ramp_samples` `[step]` what each ramp takes.
    """

    waveform: Waveform
    steps: IndexArray
    ramp_samples: IntArray

    @property
    def ends(self) -> IntArray:
        """One past the last sample of every original step, `[step]`."""
        return self.waveform.ends[self.steps]


def with_ramps(
    waveform: Waveform,
    start: Volts,
    slew: Volts,
    rate_hz: float,
    inside: BoolArray | None = None,
) -> Ramped:
    """Return `waveform` with a ramp before each step that changes faster than `slew` `[line]`, V/s.

    `start` `[line]` is where the lines come from. Lines of infinite slew (switches) jump as the
    ramp begins. A ramp takes further samples, except before steps `inside` `[step]`: there it is
    part of the step, whose total time stays.

    Raises:
        OutOfLimits: a ramp that leaves no sample of such a step.
    """
    levels, samples = waveform.levels, waveform.samples
    steps = np.arange(levels.shape[1], dtype=np.intp)
    if waveform.changes_within(slew / rate_hz * (1 + SLACK), start):
        return Ramped(waveform, steps, np.zeros(len(steps), np.int64))
    before = np.concatenate([start[:, np.newaxis], levels[:, :-1]], axis=1)
    limited = np.isfinite(slew)
    change = np.abs(levels[limited] - before[limited])
    needed = (change / slew[limited, np.newaxis]).max(axis=0) * rate_hz
    extra = np.maximum(np.ceil(needed - SLACK).astype(np.int64) - 1, 0)
    held = samples
    if inside is not None:
        held = np.where(inside, samples - extra, samples)
        _refuse_misfit(held, samples, extra, rate_hz)
    step = np.repeat(steps, extra + 1)
    places = np.cumsum(extra + 1) - 1
    place = np.arange(len(step)) - places[step] + extra[step] + 1
    share = np.where(limited[:, np.newaxis], place / (extra[step] + 1), 1.0)
    ramped = before[:, step] + share * (levels[:, step] - before[:, step])
    ramped[:, places] = levels
    lengths = np.ones(len(step), np.int64)
    lengths[places] = held
    return Ramped(Waveform(waveform.lines, ramped, lengths, waveform.repeats), places, extra)


def clock_for_ramps(waveform: Waveform, slew: FloatArray, fastest_hz: float) -> tuple[float, float]:
    """Return the fastest clock for `waveform`, and what its longest ramp takes, in seconds.

    A ramp between two steps changes within `slew` `[line]`, V/s, and has at most `RAMP_SAMPLES`.
    """
    lowest, highest = waveform.extremes
    # Often no step needs a ramp, which is quicker to tell.
    if ((highest - lowest) * fastest_hz <= slew).all():
        return fastest_hz, 0.0
    return clock_for_ramp(float((waveform.steepest / slew).max(initial=0.0)), fastest_hz)


def clock_for_ramp(seconds: float, fastest_hz: float) -> tuple[float, float]:
    """Return the fastest clock at which a ramp of `seconds` has `RAMP_SAMPLES`, and `seconds`."""
    return min(fastest_hz, RAMP_SAMPLES / seconds) if seconds else fastest_hz, seconds


def last_samples(ends: IntArray, count: int) -> IntArray:
    """Return the last `count` samples before each of `ends`, in order."""
    return (ends[:, np.newaxis] - np.arange(count, 0, -1)).ravel()


def _refuse_misfit(held: IntArray, samples: IntArray, extra: IntArray, rate_hz: float) -> None:
    short = np.flatnonzero(held < 1)
    if short.size:
        first = int(short[0])
        raise OutOfLimits(
            f"the ramp into step {first} of the protocol takes {extra[first] / rate_hz:.3g} s "
            "within the slew limits, but the step lasts "
            f"{samples[first] / rate_hz:.3g} s; raise the slew "
            "limits, use fewer slices, a larger t_min or a slower array"
        )
