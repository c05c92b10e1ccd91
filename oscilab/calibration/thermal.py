"""kT and mobility from how free oscillators move in a spring that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Thermal:
    """In core units of the array that measured: kT and mobility are 1 where its units are right."""

    kT: float
    kT_error: float
    mobility: float
    mobility_error: float


def thermal_motion(array: WiredArray, releases: int, stiffness_error: float) -> Thermal:
    """Let go `releases` times for each, in springs of stiffness k.

    kT = k (var x - s^2) by equipartition, s^2 the reading noise found on clamped oscillators; one
    reading takes one sample, so that no motion blurs it. Mobility from the decay of the mean from
    +x_0 and -x_0, whose difference knows no offset: x(t) = x_0 exp(-mu k t). `stiffness_error` is
    the relative standard error of k.
    """
    potential = array.description.potential
    k = spring_constant(array)
    spring = potential.vector(stiffness=k)
    still = np.zeros((releases, potential.oscillators))
    rest = array.relax(spring, still, EQUILIBRIUM / k)
    noise = rest.start.var(axis=0, ddof=1).mean() * array.wired.settings.average
    spread = rest.end.var(axis=0, ddof=1).mean()
    kT = float(k * (spread - noise))
    count = releases * potential.oscillators
    kT_error = float(np.hypot(np.sqrt(2 / count) * k * spread, kT * stiffness_error))
    reach = REACH * float(array.description.clamp_upper.min())
    sides = np.where(np.arange(releases) % 2 == 0, reach, -reach)[:, np.newaxis]
    moved = array.relax(spring, np.repeat(sides, potential.oscillators, axis=1), DECAY / k)
    left = float((np.sign(sides) * moved.end).mean()) / float((np.sign(sides) * moved.start).mean())
    error = float(np.sqrt((moved.end * np.sign(sides)).var() / count)) / reach
    mobility = -np.log(left) / DECAY
    mobility_error = float(np.hypot(error / left / DECAY, mobility * stiffness_error))
    return Thermal(kT, kT_error, float(mobility), mobility_error)


def spring_constant(array: WiredArray) -> float:
    """The stiffness in which thermal motion is measured, in core units."""
    box, family = array.description.box, array.description.potential.family("stiffness")
    return SHARE * float(box.upper[family.where].min())
