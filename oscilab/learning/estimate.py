"""What a measurement says about the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from oscilab.arrays.readings import ForceReading, PositionReading
from oscilab.physics.noising import Noising
from oscilab.physics.potential import Potential
from oscilab.types import FloatArray

Weighting = Literal["variance", "uniform"]
ReadingKind = Literal["force", "position"]


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one measurement says about the parameters of one node.

    `gradient` `[parameter]` of the loss, `curvature` `[parameter]` the loss's second derivative
    along each parameter alone (local as well), `reading` as it was measured, `redrawn` the share
    of points that fell beyond the clamps, `targets` `[batch, oscillator]` the forces that the
    reading would show, but for noise, if all were learned, `residuals` `[batch, oscillator]` how
    far it is from them where the rule compares forces.
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
    """How a rule samples: points a measurement, weighting lambda(t), random numbers.

    `at` says whether targets and features use the clamp's set-points (better, unless the clamp is
    worse than the sensor) or the measured positions. `delta` is for how long a rule that lets go
    of the clamps does so, as a share of sigma_t^2.
    """

    batch: int
    rng: np.random.Generator
    weighting: Weighting = "variance"
    at: Literal["set_points", "measured"] = "set_points"
    delta: float = 0.1

    def weight(self, noising: Noising, time: float) -> float:
        """lambda(t): `variance` is sigma_t^2, `uniform` is 1."""
        return noising.variance(time) if self.weighting == "variance" else 1.0

    def release(self, noising: Noising, time: float) -> float:
        """How long clamps stay open at noising time `time`: delta sigma_t^2."""
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
    """Loss and gradient from residuals r = F_measured - F*, all `[batch, oscillator]`.

    `forces` were measured where `positions` say, `targets` are what they should have been.

    L = weight * E[|r|^2] / 2 and, since the force is -sum_p theta_p d_i u_p,
    dL/dtheta_p = -weight * E[sum_i r_i d_i u_p] with i over the ends of term p only: the rule is
    local (arXiv:2506.19136).
    """
    residuals = forces - targets
    scale = weight / len(residuals)
    return Estimate(
        loss=0.5 * scale * float(np.vdot(residuals, residuals)),
        gradient=-scale * potential.correlate(residuals, positions),
        curvature=potential.feature_power(scale, positions),
        redrawn=redrawn,
        reading=reading,
        targets=targets,
        residuals=residuals,
    )
