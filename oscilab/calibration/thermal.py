"""kT and mobility from how free oscillators move in springs that are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.calibration.response import Response
from oscilab.calibration.springs import Springs, measure_springs
from oscilab.errors import DeviceFailed
from oscilab.types import FloatArray
from oscilab.wired.array import WiredArray

EQUILIBRIUM = 5.0
"""Relaxation times after which the start is forgotten, to 5e-5 of the variance."""
DECAY = 1.0
"""Relaxation times after which the mean is read: the best bargain of signal and slope."""
SHARE = 0.1
"""Of the stiffness range: stiff enough that a line's offset, and a quartic that is not quite zero,
are of no account."""
LEAST_POINTS = 1000
"""On which the springs are measured, however few the releases."""
LARGEST_RATIO, GRID = 4.0, 64
"""The mobility's largest departure from what is known, and how finely it is looked for."""
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
    array: WiredArray,
    releases: int,
    response: Response,
    crosstalk: FloatArray,
    rng: np.random.Generator,
) -> Thermal:
    """Let go `releases` times for each, in springs of stiffness k, as they really are.

    What pulls at clamped oscillators in this setting is measured first (`Springs`): lines pick up
    of each other. `crosstalk` `[oscillator, oscillator]` is what position sensors show of each
    position, which is inverted.

    kT by equipartition, from the variance less that of readings on clamped oscillators. Mobility
    from the decay of the mean from +x_0 and -x_0, whose difference knows no offset. Where lines or
    sensors were seen to lag, the mean is read at two times t and 2 t: with g = mu k, a sensor of
    time constant s shows x_0 exp(-g t) / (1 - g s) after the first moments, so that their ratio
    tells g, and the first with the start s; kT then is larger by the factor 1 + g s, which the
    sensor's slowness blurs away.

    Raises:
        DeviceFailed: the mobility is not within a factor of four of the one that was known.
    """
    potential = array.description.potential
    k = spring_constant(array)
    spring = potential.vector(stiffness=k)
    springs = measure_springs(array, spring, max(releases // 2, LEAST_POINTS), rng)
    unmixed = np.linalg.inv(crosstalk).T
    still = np.zeros((releases, potential.oscillators))
    rest = array.relax(spring, still, EQUILIBRIUM / k)
    noise = (rest.start @ unmixed).var(axis=0, ddof=1).mean() * array.wired.settings.average
    kT, by_springs = springs.kT(rest.end @ unmixed, float(noise))
    start, duration = REACH * float(array.description.clamp_upper.min()), DECAY / k
    decay = _Decay(springs, start, kT, duration)
    first = _left(array, spring, start, releases, duration, rng)
    if response.seconds:
        second = _left(array, spring, start, releases, 2 * duration, rng)
        fall = float(np.log(first.share / second.share))
        mobility, slope = decay.mobility(fall, between=True)
        error = np.hypot(first.error / first.share, second.error / second.share) / slope
        # left = exp(-g t) / (1 - g s), and blur = g s.
        blur = 1 - decay.left(mobility) / first.share
        blur_error = float(
            (1 - blur) * np.hypot(2 * first.error / first.share, second.error / second.share)
        )
    else:
        mobility, slope = decay.mobility(-float(np.log(first.share)), between=False)
        error = first.error / first.share / slope
        blur = blur_error = 0.0
    by_spread = np.sqrt(2 / still.size) * (kT + k * float(noise))
    kT_error = np.sqrt(by_spread**2 + by_springs**2 + (kT * blur_error / (1 + blur)) ** 2)
    by_decay = mobility * springs.left_error(start, kT, duration) / (decay.left(1.0) * DECAY)
    return Thermal(
        kT * (1 + blur), float(kT_error) * (1 + blur), mobility, float(np.hypot(error, by_decay))
    )


def is_quick_enough(array: WiredArray, response: Response) -> bool:
    """Whether lines and sensors can follow the motion in the springs of `thermal_motion`."""
    return response.seconds * spring_constant(array) < QUICK * array.description.time_scale


@dataclass(frozen=True, eq=False)
class _Decay:
    """What is left of the start after `duration`, at any mobility."""

    springs: Springs
    start: float
    kT: float
    duration: float

    def left(self, mobility: float) -> float:
        """Share of the start, after `duration`."""
        times = np.array([mobility * self.duration])
        return float(self.springs.left(self.start, self.kT, times)[0])

    def mobility(self, fall: float, *, between: bool) -> tuple[float, float]:
        """Where the share's logarithm falls by `fall` until `duration`, or from then until twice
        that (`between`); and how much more it would for a higher mobility.
        """
        ratios = np.linspace(0, LARGEST_RATIO, GRID + 1)
        times = ratios * self.duration
        falls = -np.log(self.springs.left(self.start, self.kT, times))
        if between:
            falls = -np.log(self.springs.left(self.start, self.kT, 2 * times)) - falls
        if not falls[GRID // 16] < fall < falls[-1]:
            raise DeviceFailed(
                f"in springs of a known stiffness the mean falls by {fall:.3g} in its logarithm, "
                f"where {falls[GRID // 4]:.3g} was expected; correct the time scale of the bench "
                "(time_s), or see whether the clamps let go"
            )
        return (
            float(np.interp(fall, falls, ratios)),
            float(np.interp(fall, falls, np.gradient(falls, ratios))),
        )


@dataclass(frozen=True)
class _Left:
    """What share of its start the mean keeps, and its standard error."""

    share: float
    error: float


def _left(
    array: WiredArray,
    spring: FloatArray,
    start: float,
    releases: int,
    duration: float,
    rng: np.random.Generator,
) -> _Left:
    sites = array.description.potential.oscillators
    # Each on a side of its own, so that what couples them cancels.
    sides = rng.choice([-1.0, 1.0], (releases, sites))
    moved = array.relax(spring, start * sides, duration)
    share = float((sides * moved.end).mean()) / float((sides * moved.start).mean())
    return _Left(share, float(np.sqrt((sides * moved.end).var() / moved.end.size)) / start)


def spring_constant(array: WiredArray) -> float:
    """The stiffness in which thermal motion is measured, in core units."""
    box, family = array.description.box, array.description.potential.family("stiffness")
    return SHARE * float(box.upper[family.where].min())
