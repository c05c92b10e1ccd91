"""The exact minimiser of the force-matching loss over the parameter box.

The loss is a convex quadratic in the parameters, L = theta' A theta / 2 - b' theta + c, so its
minimiser over a box is a bounded least-squares solution. The expectation is over points drawn as in
training, truncated by the clamps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.learning.measurement import PointSource
from oscilab.physics.box import ParameterBox
from oscilab.physics.potential import Potential
from oscilab.types import FloatArray

CHUNK = 4096
RIDGE = 1e-10
TOLERANCE = 1e-9
PATIENCE = 5


@dataclass(frozen=True, eq=False)
class QuadraticLoss:
    """L(theta) = theta' A theta / 2 - b' theta + c.

    `a` is `[parameter, parameter]`, `b` is `[parameter]`.
    """

    a: FloatArray
    b: FloatArray
    c: float

    def value(self, parameters: FloatArray) -> float:
        """Return L at one parameter vector."""
        return float(0.5 * parameters @ self.a @ parameters - self.b @ parameters + self.c)

    def gradient(self, parameters: FloatArray) -> FloatArray:
        """Return dL/dtheta, `[parameter]`."""
        return self.a @ parameters - self.b

    def minimiser(self, box: ParameterBox) -> FloatArray:
        """Return the parameters in the box with the least loss, by block principal pivoting.

        The free parameters solve their normal equations. Then all that leave the box are bound to
        its edge, and all bound ones whose slope points inwards are freed, at once. When this makes
        no progress, only the last of them changes sides, which always terminates (Portugal, Judice
        and Vicente, Math. Comp. 63 (1994) 625). A general solver would need an SVD of thousands of
        columns, which takes minutes.
        """
        scale = np.sqrt(np.maximum(np.diagonal(self.a), RIDGE))
        a = self.a / np.outer(scale, scale) + RIDGE * np.eye(len(scale))
        b = self.b / scale
        lower, upper = box.lower * scale, box.upper * scale
        side = np.zeros(len(b), np.int8)
        solution = np.zeros_like(b)
        fewest, patience = len(b) + 1, PATIENCE
        while True:
            free = side == 0
            solution = np.where(side < 0, lower, np.where(side > 0, upper, 0.0))
            right = b[free] - a[np.ix_(free, ~free)] @ solution[~free]
            solution[free] = np.linalg.solve(a[np.ix_(free, free)], right)
            slope = a @ solution - b
            below = free & (solution < lower - TOLERANCE)
            above = free & (solution > upper + TOLERANCE)
            inward = ((side < 0) & (slope < -TOLERANCE)) | ((side > 0) & (slope > TOLERANCE))
            wrong = below | above | inward
            count = int(wrong.sum())
            if not count:
                return np.clip(solution / scale, box.lower, box.upper)
            if count < fewest:
                fewest, patience = count, PATIENCE
            else:
                patience -= 1
            if patience < 0:
                wrong[: np.flatnonzero(wrong)[-1]] = False
            side[wrong & inward] = 0
            side[wrong & below] = -1
            side[wrong & above] = 1


def quadratic_loss(
    potential: Potential,
    points: PointSource,
    time: float,
    weight: float,
    samples: int,
    rng: np.random.Generator,
) -> QuadraticLoss:
    """Return the force-matching loss at noising time `time`, estimated from `samples` points."""
    a = np.zeros((potential.parameters, potential.parameters))
    b = np.zeros(potential.parameters)
    c = 0.0
    touching = _touching(potential)
    for start in range(0, samples, CHUNK):
        drawn = points.draw(time, min(CHUNK, samples - start), rng)
        target = points.noising.reverse_force(drawn.noised, drawn.noise, time)
        c += 0.5 * float(np.vdot(target, target))
        slopes = _slopes(potential, drawn.noised)
        for oscillator, (parameters, ends) in enumerate(touching):
            features = np.stack([slopes[p][e] for p, e in zip(parameters, ends, strict=True)], 1)
            a[np.ix_(parameters, parameters)] += features.T @ features
            b[parameters] -= features.T @ target[:, oscillator]
    scale = weight / samples
    return QuadraticLoss(scale * a, scale * b, scale * c)


def _touching(potential: Potential) -> list[tuple[list[int], list[int]]]:
    found: list[tuple[list[int], list[int]]] = [([], []) for _ in range(potential.oscillators)]
    for parameter in range(potential.parameters):
        for end, oscillator in enumerate(potential.ends_of(parameter)):
            found[oscillator][0].append(parameter)
            found[oscillator][1].append(end)
    return found


def _slopes(potential: Potential, positions: FloatArray) -> list[list[FloatArray]]:
    found: list[list[FloatArray]] = []
    for family in potential.families.values():
        at_ends = [positions[:, end] for end in family.ends.T]
        per_end = [family.term.slope(end, *at_ends) for end in range(family.term.ends)]
        found += [[slope[:, k] for slope in per_end] for k in range(len(family.ends))]
    return found
