"""Ramps where a step between two levels is faster than an output may change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import OutOfLimits

Levels = NDArray[np.floating]
SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Ramped:
    """Steps with ramps put before them.

    `levels` `[line, step']` and `samples` `[step']` are as of a `Waveform`; `holds` `[step]` are
    the places of the original steps among them, `ramp_samples` `[step]` what each ramp takes.
    """

    levels: Levels
    samples: NDArray[np.int64]
    holds: NDArray[np.intp]
    ramp_samples: NDArray[np.int64]

    @property
    def ends(self) -> NDArray[np.int64]:
        """One past the last sample of every original step, `[step]`."""
        return np.cumsum(self.samples)[self.holds]


def with_ramps(
    levels: Levels,
    samples: NDArray[np.int64],
    start: Levels,
    slew: Levels,
    rate_hz: float,
    inside: NDArray[np.bool_] | None = None,
) -> Ramped:
    """`levels` `[line, step]`, each held for `samples` `[step]`, reached within `slew` `[line]`.

    `start` `[line]` is where the lines come from. Lines of infinite slew (switches) jump as the
    ramp begins. A ramp takes further samples, except for steps `inside` `[step]`, which it eats
    into: these keep their total time.

    Raises:
        OutOfLimits: a ramp that leaves no sample of such a step.
    """
    before = np.concatenate([start[:, np.newaxis], levels[:, :-1]], axis=1)
    limited = np.isfinite(slew)
    needed = np.zeros(levels.shape[1])
    if limited.any():
        change = np.abs(levels[limited] - before[limited])
        needed = (change / slew[limited, np.newaxis]).max(axis=0) * rate_hz
    extra = np.maximum(np.ceil(needed - SLACK).astype(np.int64) - 1, 0)
    held = samples
    if inside is not None:
        held = np.where(inside, samples - extra, samples)
        _refuse_misfit(held, samples, extra, rate_hz)
    steps = np.arange(levels.shape[1], dtype=np.intp)
    if not extra.any():
        return Ramped(levels, held, steps, extra)
    step = np.repeat(steps, extra + 1)
    holds = np.cumsum(extra + 1) - 1
    place = np.arange(len(step)) - holds[step] + extra[step] + 1
    share = np.where(limited[:, np.newaxis], place / (extra[step] + 1), 1.0)
    ramped = before[:, step] + share * (levels[:, step] - before[:, step])
    ramped[:, holds] = levels
    lengths = np.ones(len(step), np.int64)
    lengths[holds] = held
    return Ramped(ramped, lengths, holds, extra)


def _refuse_misfit(
    held: NDArray[np.int64], samples: NDArray[np.int64], extra: NDArray[np.int64], rate_hz: float
) -> None:
    short = np.flatnonzero(held < 1)
    if short.size:
        first = int(short[0])
        raise OutOfLimits(
            f"the ramp into step {first} of the protocol takes {extra[first] / rate_hz:.3g} s "
            "within the slew limits, but the step lasts "
            f"{samples[first] / rate_hz:.3g} s; raise the slew "
            "limits, use fewer slices, a larger t_min or a slower array"
        )
