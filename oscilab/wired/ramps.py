"""Ramps where a step between two levels is faster than an output may change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.errors import OutOfLimits
from oscilab.types import BoolArray, IndexArray, IntArray, Volts
from oscilab.wired.waveform import Waveform

SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Ramped:
    """A waveform with ramps put before its steps.

    `holds` `[step]` are the places of the original steps among those of `waveform`,
    `ramp_samples` `[step]` what each ramp takes.
    """

    waveform: Waveform
    holds: IndexArray
    ramp_samples: IntArray

    @property
    def ends(self) -> IntArray:
        """One past the last sample of every original step, `[step]`."""
        return self.waveform.ends[self.holds]


def with_ramps(
    waveform: Waveform,
    start: Volts,
    slew: Volts,
    rate_hz: float,
    inside: BoolArray | None = None,
) -> Ramped:
    """`waveform`, each of its steps reached within `slew` `[line]`, in volts per second.

    `start` `[line]` is where the lines come from. Lines of infinite slew (switches) jump as the
    ramp begins. A ramp takes further samples, except for steps `inside` `[step]`, which it eats
    into: these keep their total time.

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
    holds = np.cumsum(extra + 1) - 1
    place = np.arange(len(step)) - holds[step] + extra[step] + 1
    share = np.where(limited[:, np.newaxis], place / (extra[step] + 1), 1.0)
    ramped = before[:, step] + share * (levels[:, step] - before[:, step])
    ramped[:, holds] = levels
    lengths = np.ones(len(step), np.int64)
    lengths[holds] = held
    return Ramped(Waveform(waveform.lines, ramped, lengths, waveform.repeats), holds, extra)


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
