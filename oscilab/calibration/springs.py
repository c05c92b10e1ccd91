"""What really pulls at the oscillators when only springs are asked for.

A spring's line picks up of its neighbours, a quartic's line of the last spring's, and every line
has what its calibration left of its offset. So the force in just that setting is measured, on
clamped oscillators, before their free motion in it is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.types import FloatArray
from oscilab.wired.array import WiredArray

SPAN = 0.8
"""Of the clamps' reach, on both sides."""
FINENESS = 50
"""Steps of integration in a relaxation time."""


@dataclass(frozen=True, eq=False)
class Springs:
    """Forces -k x - c x^3 + constant: `stiffness` k and `cubic` c `[oscillator]`, and the
    `covariance` of both `[oscillator, 2, 2]`.
    """

    stiffness: FloatArray
    cubic: FloatArray
    covariance: FloatArray

    def kT(self, positions: FloatArray, noise: float) -> tuple[float, float]:
        """<(x - <x>) dU/dx> over `positions` `[copy, oscillator]`, which is kT in any potential.

        `noise` is the variance of a reading. With the standard error that the springs' make.
        """
        moved = positions - positions.mean(axis=0)
        square = np.einsum("ci,ci->i", moved, moved) / (len(moved) - 1) - noise
        fourth = np.einsum("ci,ci->i", moved, positions**3) / (len(moved) - 1)
        both = np.stack([square, fourth], axis=1)
        variances = np.einsum("ij,ijk,ik->i", both, self.covariance, both)
        kT = self.stiffness * square + self.cubic * fourth
        return float(kT.mean()), float(np.sqrt(variances.sum())) / len(variances)

    def left(self, start: float, kT: float, durations: FloatArray) -> FloatArray:
        """The mean's share of its start that is left after `durations`, ascending, over all.

        At mobility 1. With m the mean and v the variance, m' = -k m - c (m^3 + 3 m v) and
        v' = 2 kT - 2 (k + 3 c m^2) v: exact to first order in c.
        """
        return self._left(self.stiffness, self.cubic, start, kT, durations).mean(axis=1)

    def left_error(self, start: float, kT: float, duration: float) -> float:
        """Standard error of `left` that the springs' make."""
        times = np.array([duration])
        here = self._left(self.stiffness, self.cubic, start, kT, times)[0]
        by_k: FloatArray = np.sqrt(self.covariance[:, 0, 0])
        by_c: FloatArray = np.sqrt(self.covariance[:, 1, 1])
        stiffer = self._left(self.stiffness + by_k, self.cubic, start, kT, times)[0] - here
        steeper = self._left(self.stiffness, self.cubic + by_c, start, kT, times)[0] - here
        both = np.stack([stiffer / by_k, steeper / by_c], axis=1)
        variances = np.einsum("ij,ijk,ik->i", both, self.covariance, both)
        return float(np.sqrt(variances.sum())) / len(variances)

    @staticmethod
    def _left(
        stiffness: FloatArray, cubic: FloatArray, start: float, kT: float, durations: FloatArray
    ) -> FloatArray:
        steps = 1 + int(FINENESS * durations[-1] * stiffness.max())
        step = float(durations[-1]) / steps

        def slope(mean: FloatArray, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
            return (
                -stiffness * mean - cubic * (mean**3 + 3 * mean * spread),
                2 * kT - 2 * (stiffness + 3 * cubic * mean**2) * spread,
            )

        mean, spread = np.full_like(stiffness, start), np.zeros_like(stiffness)
        means = [mean]
        for _ in range(steps):
            # The midpoint rule: the third order of a fiftieth is of no account.
            by_mean, by_spread = slope(mean, spread)
            by_mean, by_spread = slope(mean + step / 2 * by_mean, spread + step / 2 * by_spread)
            mean, spread = mean + step * by_mean, spread + step * by_spread
            means.append(mean)
        grid = step * np.arange(steps + 1)
        # Logarithms are nearly straight, so that little is lost between the steps.
        logs: FloatArray = np.log(np.stack(means, axis=1) / start)
        between: list[FloatArray] = [np.interp(durations, grid, row) for row in logs]
        return np.exp(np.stack(between, axis=1))


def measure_springs(
    array: WiredArray, parameters: FloatArray, points: int, rng: np.random.Generator
) -> Springs:
    """Clamp at `points` random places in the setting `parameters`, and fit every force.

    Raises:
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    description = array.description
    reach = SPAN * np.minimum(-description.clamp_lower, description.clamp_upper)
    places = rng.uniform(-reach, reach, (points, len(reach)))
    forces = array.measure_forces(parameters, places).forces
    return _fit(places, forces)


def _fit(places: FloatArray, forces: FloatArray) -> Springs:
    """Every force by all positions, by its own to the third, and a constant.

    The others' positions take out what couples oscillators and what sensors pick up. They are the
    same for all forces, so that only what is left of x^3 is fitted one by one.
    """
    count, sites = places.shape
    linear = np.column_stack([places, np.ones(count)])
    cubes = places**3
    inverse = np.linalg.inv(linear.T @ linear)
    by_forces, by_cubes = inverse @ (linear.T @ forces), inverse @ (linear.T @ cubes)
    left = cubes - linear @ by_cubes
    power = np.einsum("pi,pi->i", left, left)
    cubic = -np.einsum("pi,pi->i", left, forces) / power
    own = np.arange(sites, dtype=np.intp)
    straight = by_cubes[own, own]
    stiffness = -by_forces[own, own] - straight * cubic
    residual = forces - linear @ by_forces + left * cubic
    variance = np.einsum("pi,pi->i", residual, residual) / (count - sites - 2)
    of_cubic, of_linear = variance / power, variance * np.diagonal(inverse)[:sites]
    between = -straight * of_cubic
    covariance = np.array([[of_linear + straight**2 * of_cubic, between], [between, of_cubic]])
    return Springs(stiffness, cubic, covariance.transpose(2, 0, 1))
