"""The points to clamp at, and the estimate that one measurement gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from oscilab.arrays.readings import ForceReading, PositionReading
from oscilab.errors import InvalidInput, OutOfClamp
from oscilab.physics.noising import Noising
from oscilab.physics.potential import Potential
from oscilab.types import BoolArray, FloatArray, IndexArray

MOST_ROUNDS = 100


@dataclass(frozen=True, eq=False)
class Points:
    """`data` x_0, `noise` eps and `noised` x_t, each `[batch, oscillator]`.

    `redrawn` is the share of draws that fell outside the clamps and were drawn again.
    """

    data: FloatArray
    noise: FloatArray
    noised: FloatArray
    redrawn: float


@dataclass(frozen=True, eq=False)
class PointSource:
    """Draw noised points of `data` `[sample, oscillator]` within the clamp bounds.

    Noised points are unbounded, but clamps are not. A point outside them is drawn again, data and
    noise together, so that the score of the truncated joint density is learned.

    Raises:
        InvalidInput: the data are not finite, or not `[sample, oscillator]`.
    """

    data: FloatArray
    noising: Noising
    clamp_lower: FloatArray
    clamp_upper: FloatArray

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or self.data.shape[1] != len(self.clamp_lower) or not len(self.data):
            raise InvalidInput(
                f"training data have shape {self.data.shape}; the array needs "
                f"[sample, {len(self.clamp_lower)}]"
            )
        if not np.isfinite(self.data).all():
            row, column = np.argwhere(~np.isfinite(self.data))[0]
            raise InvalidInput(
                f"training sample {row} is {self.data[row, column]} at oscillator {column}; "
                "every value must be finite"
            )

    def draw(self, time: float, batch: int, rng: np.random.Generator) -> Points:
        """Draw `batch` points at noising time `time`.

        Raises:
            OutOfClamp: points remain outside the clamps after `MOST_ROUNDS` rounds.
        """
        data, noise, noised = self._propose(time, batch, rng)
        beyond = self._beyond(noised)
        drawn = batch
        lost = 0
        for _ in range(MOST_ROUNDS):
            if not beyond.size:
                return Points(data, noise, noised, lost / drawn)
            lost += beyond.size
            drawn += beyond.size
            again = self._propose(time, beyond.size, rng)
            for kept, fresh in zip((data, noise, noised), again, strict=True):
                kept[beyond] = fresh
            beyond = beyond[self._beyond(again[2])]
        raise OutOfClamp(
            f"after {MOST_ROUNDS} redraws {beyond.size} of {batch} points at noising time {time:g} "
            f"lie beyond the clamps ({self.clamp_lower.min():g} to {self.clamp_upper.max():g}); "
            "scale the data down or widen the clamps"
        )

    def inside(self, positions: FloatArray) -> BoolArray:
        """Return which of `positions` `[batch, oscillator]` are within the clamps, `[batch]`."""
        kept = (positions >= self.clamp_lower) & (positions <= self.clamp_upper)
        return np.asarray(kept.all(axis=1))

    def _propose(
        self, time: float, count: int, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        data = self.data[rng.integers(len(self.data), size=count)]
        noise = rng.standard_normal(data.shape)
        return data, noise, self.noising.noised(data, noise, time)

    def _beyond(self, noised: FloatArray) -> IndexArray:
        return np.flatnonzero(~self.inside(noised))


Weighting = Literal["variance", "uniform"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """The loss and its derivatives at one node, from one measurement.

    Attributes:
        loss: the loss.
        gradient: its gradient, `[parameter]`.
        curvature: its second derivative along each parameter, `[parameter]`; local as well.
        redrawn: the share of points that fell outside the clamps.
        reading: the reading as measured.
        targets: the forces that a noiseless reading would show at the optimum,
            `[batch, oscillator]`.
        residuals: measured forces minus targets, `[batch, oscillator]`, if the rule compares
            forces.
    """

    loss: float
    gradient: FloatArray
    curvature: FloatArray
    redrawn: float
    reading: ForceReading | PositionReading
    targets: FloatArray
    residuals: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Sampling:
    """How a rule samples: points per measurement, random numbers, weighting lambda(t).

    `at` selects the clamp's set-points (better, unless the clamp is less accurate than the sensor)
    or the measured positions for targets and features. `delta` is the duration of a release as a
    share of sigma_t^2, for rules that open the clamps.
    """

    batch: int
    rng: np.random.Generator
    weighting: Weighting = "variance"
    at: Literal["set_points", "measured"] = "set_points"
    delta: float = 0.1

    def weight(self, noising: Noising, time: float) -> float:
        """Return lambda(t): sigma_t^2 for `variance`, 1 for `uniform`."""
        return noising.variance(time) if self.weighting == "variance" else 1.0

    def release(self, noising: Noising, time: float) -> float:
        """Return how long clamps stay open at noising time `time`: delta sigma_t^2."""
        return self.delta * noising.variance(time)


def estimate_from_forces(
    potential: Potential,
    weight: float,
    forces: FloatArray,
    targets: FloatArray,
    positions: FloatArray,
    reading: ForceReading | PositionReading,
    redrawn: float,
) -> Estimate:
    """Return loss and gradient from residuals r = F_measured - F*, all `[batch, oscillator]`.

    `forces` F_measured were measured at `positions`; `targets` are F*.

    L = weight * E[|r|^2] / 2 and, since the force is -sum_p theta_p d_i u_p,
    dL/dtheta_p = -weight * E[sum_i r_i d_i u_p] with i over the ends of term p only: the rule is
    local (arXiv:2506.19136).
    """
    residuals = forces - targets
    scale = weight / len(residuals)
    products, powers = potential.correlate_and_power(residuals, positions)
    return Estimate(
        loss=0.5 * scale * float(np.vdot(residuals, residuals)),
        gradient=-scale * products,
        curvature=scale * powers,
        redrawn=redrawn,
        reading=reading,
        targets=targets,
        residuals=residuals,
    )
