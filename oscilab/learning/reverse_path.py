"""The reverse-path rule: the array makes its own noising, and learns to run it backwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.arrays.description import Capability
from oscilab.arrays.seam import OscillatorArray
from oscilab.errors import OutOfClamp
from oscilab.learning.bounds import Bounded
from oscilab.learning.displacement import displacement_force, without_bath
from oscilab.learning.estimate import Estimate, ReadingKind, Sampling, estimate_from_forces
from oscilab.learning.points import MOST_ROUNDS, PointSource
from oscilab.physics import Noising, noising_parameters
from oscilab.types import Float64Array, FloatArray


@dataclass(frozen=True, eq=False)
class NoisingPath:
    """Two instants of noising paths that the array ran, each `[batch, oscillator]`.

    `start` is x_{t - duration} and `end` is x_t, in noising time. `redrawn` is the share of paths
    that left the clamps' reach and were run again.
    """

    start: FloatArray
    end: FloatArray
    duration: float
    redrawn: float


def run_noising(
    array: OscillatorArray, points: PointSource, time: float, sampling: Sampling
) -> NoisingPath:
    """Clamp at data, let the array noise them for `time`, read shortly before and at the end.

    In a spring of stiffness D a bath of temperature D makes the unit noise of the noising, D times
    as fast: a noising time t takes the array t / D.

    Raises:
        OutOfClamp: the clamps leave no room for the noised data.
    """
    rng, duration = sampling.rng, sampling.release(points.noising, time)
    batch = sampling.batch
    start, end = np.empty((2, batch, points.data.shape[1]))
    missing = np.arange(batch)
    run = 0
    for _ in range(MOST_ROUNDS):
        data = points.data[rng.integers(len(points.data), size=missing.size)]
        begun = _noised(array, points, data, time - duration)
        kept = points.inside(begun)
        ended = np.full_like(begun, np.inf)
        if kept.any():
            ended[kept] = _noised(array, points, begun[kept], duration)
        run += missing.size
        start[missing], end[missing] = begun, ended
        missing = missing[~points.inside(ended)]
        if not missing.size:
            return NoisingPath(start, end, duration, 1 - batch / run)
    raise OutOfClamp(
        f"after {MOST_ROUNDS} rounds {missing.size} of {batch} noising paths to noising time "
        f"{time:g} leave the clamps ({points.clamp_lower.min():g} to {points.clamp_upper.max():g})"
        "; scale the data down or widen the clamps"
    )


def _noised(
    array: OscillatorArray, points: PointSource, begin: FloatArray, duration: float
) -> FloatArray:
    if duration <= 0:
        return begin.astype(np.float64)
    temperature = points.noising.temperature
    spring = temperature * noising_parameters(array.description.potential)
    return np.asarray(array.relax(spring, begin, duration / temperature).end, np.float64)


class ReversePath(Bounded):
    """r = F_measured(y) - F*, the target from two instants y_0, y of an observed noising path.

    F* = c y + (c + D) (exp(-delta) y_0 - y) / (1 - exp(-2 delta)), which is exact for every delta
    (`Noising.path_force`) and has a variance of (c + D)^2 / (1 - exp(-2 delta)). Force and features
    belong to the end state y, and the slice to its time. Neither data nor noise is known to the
    rule but for the data that the paths start from.
    """

    name = "reverse-path"
    needs = (Capability.CLAMP, Capability.RELEASE, Capability.FORCE_READOUT)
    needs_bath = True
    reads: ReadingKind = "force"
    uses = frozenset({"delta"})

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """The noising itself, at the bath's pace."""
        return time / noising.temperature

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """One batch of noising paths up to `time`, then one force reading at their ends."""
        noising = points.noising
        path = run_noising(array, points, time, sampling)
        reading = array.measure_forces(parameters, path.end)
        return estimate_from_forces(
            array.description.potential,
            sampling.weight(noising, time),
            reading.forces,
            noising.path_force(path.start, path.end, path.duration),
            path.end,
            reading,
            path.redrawn,
        )


class ReversePathDisplacement(ReversePath):
    """The reverse-path rule without force readout: a second displacement, from y, stands in.

    It has the displacement rule's bias and noise beside those of the path.
    """

    name = "reverse-path-displacement"
    needs = (Capability.CLAMP, Capability.RELEASE)
    reads = "position"

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """The noising, and the second release."""
        return super().released(noising, time, sampling) + sampling.release(noising, time)

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """One batch of noising paths up to `time`, then one release from their ends."""
        noising = points.noising
        path = run_noising(array, points, time, sampling)
        reading = array.relax(parameters, path.end, sampling.release(noising, time))
        weight = sampling.weight(noising, time)
        target = noising.path_force(path.start, path.end, path.duration)
        found = estimate_from_forces(
            array.description.potential,
            weight,
            displacement_force(reading),
            target,
            path.end,
            reading,
            path.redrawn,
        )
        return without_bath(found, reading, weight, noising.temperature)
