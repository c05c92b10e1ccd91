"""kT and mobility from how free oscillators move in a spring that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oscilab.calibration.response import Response
from oscilab.wired.array import WiredArray

Array = NDArray[np.floating]
EQUILIBRIUM = 8.0
"""Relaxation times after which the start is forgotten, to 1e-7 of the variance."""
DECAY = 1.0
"""Relaxation times after which the mean is read: the best bargain of signal and slope."""
SHARE = 0.1
"""Of the stiffness range: stiff enough that a line's offset, and a quartic that is not quite zero,
are of no account."""
REACH = 0.6
"""Of the clamps' reach from which oscillators are let go."""
QUICK = 0.3
"""Response times in a relaxation time up to which a sensor can follow."""


@dataclass(frozen=True)
class Thermal:
    """In core units of the array that measured: kT and mobility are 1 where its units are right."""

    kT: float
    kT_error: float
    mobility: float
    mobility_error: float


def thermal_motion(
    array: WiredArray, releases: int, stiffness_error: float, response: Response
) -> Thermal:
    """Let go `releases` times for each, in springs of stiffness k.

    Mobility from the decay of the mean from +x_0 and -x_0, whose difference knows no offset. Where
    lines or sensors were seen to lag, the mean is read at two times t and 2 t: with g = mu k, a
    sensor of time constant s shows x_0 exp(-g t) / (1 - g s) after the first moments, so that their
    ratio tells g, and the first with the start s. kT = k (var x - r^2) (1 + g s) by equipartition:
    r^2 is the reading noise found on clamped oscillators, the last factor what the sensor's
    slowness blurs away. `stiffness_error` is the relative standard error of k.
    """
    potential = array.description.potential
    k = spring_constant(array)
    spring = potential.vector(stiffness=k)
    still = np.zeros((releases, potential.oscillators))
    rest = array.relax(spring, still, EQUILIBRIUM / k)
    noise = rest.start.var(axis=0, ddof=1).mean() * array.wired.settings.average
    spread = float(rest.end.var(axis=0, ddof=1).mean())
    count = releases * potential.oscillators
    first = _left(array, spring, releases, DECAY / k)
    if response.seconds:
        second = _left(array, spring, releases, 2 * DECAY / k)
        rate, rate_error = _rate(first.share / second.share, first, second)
        # left = exp(-g t) / (1 - g s), and blur = g s.
        blur = 1 - float(np.exp(-rate)) / first.share
        blur_error = float(
            (1 - blur) * np.hypot(2 * first.error / first.share, second.error / second.share)
        )
    else:
        rate, rate_error = _rate(1 / first.share, first)
        blur = blur_error = 0.0
    kT = float(k * (spread - noise)) * (1 + blur)
    by_spread = np.sqrt(2 / count) * k * spread * (1 + blur)
    kT_error = np.hypot(by_spread, kT * np.hypot(stiffness_error, blur_error / (1 + blur)))
    return Thermal(
        kT, float(kT_error), rate / DECAY,
        float(np.hypot(rate_error, rate * stiffness_error)) / DECAY,
    )  # fmt: skip


def is_quick_enough(array: WiredArray, response: Response) -> bool:
    """Whether lines and sensors can follow the motion in the springs of `thermal_motion`."""
    return response.seconds * spring_constant(array) < QUICK * array.description.time_scale


@dataclass(frozen=True)
class _Left:
    """What share of its start the mean keeps, and its standard error."""

    share: float
    error: float


def _left(array: WiredArray, spring: Array, releases: int, duration: float) -> _Left:
    sites = array.description.potential.oscillators
    reach = REACH * float(array.description.clamp_upper.min())
    sides = np.where(np.arange(releases) % 2 == 0, 1.0, -1.0)[:, np.newaxis]
    moved = array.relax(spring, np.repeat(reach * sides, sites, axis=1), duration)
    share = float((sides * moved.end).mean()) / float((sides * moved.start).mean())
    return _Left(share, float(np.sqrt((sides * moved.end).var() / moved.end.size)) / reach)


def _rate(ratio: float, *found: _Left) -> tuple[float, float]:
    error = np.sqrt(sum((left.error / left.share) ** 2 for left in found))
    return float(np.log(ratio)), float(error)


def spring_constant(array: WiredArray) -> float:
    """The stiffness in which thermal motion is measured, in core units."""
    box, family = array.description.box, array.description.potential.family("stiffness")
    return SHARE * float(box.upper[family.where].min())
