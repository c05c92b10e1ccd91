"""Force matching: compare the force read at a clamped point with the one that reverses noising."""

from __future__ import annotations

from oscilab.arrays.description import Capability
from oscilab.arrays.seam import OscillatorArray
from oscilab.learning.bounds import Bounded
from oscilab.learning.estimate import (
    Estimate,
    ReadingKind,
    Sampling,
    estimate_from_forces,
)
from oscilab.learning.points import PointSource
from oscilab.physics import Noising
from oscilab.types import Float64Array


class ForceMatching(Bounded):
    """r = F_measured - F*, with F* the denoising form of the reverse force (arXiv:2506.19136).

    Targets and features use the set-points: a clamp is better known than it is read. With
    `Sampling.at = "measured"` they use the measured positions instead, which biases a stiffness
    by s^2 / sigma_t^2 of its reading noise s.
    """

    name = "force-matching"
    needs = (Capability.CLAMP, Capability.FORCE_READOUT)
    needs_bath = False
    reads: ReadingKind = "force"
    uses = frozenset({"features_at"})

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """Clamps stay closed."""
        return 0.0

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """One clamped measurement of fresh points at noising time `time`."""
        noising = points.noising
        drawn = points.draw(time, sampling.batch, sampling.rng)
        reading = array.measure_forces(parameters, drawn.noised)
        at = reading.set_points if sampling.at == "set_points" else reading.positions
        # At a measured position the noise that explains it is the one that the residual sees.
        noise = (at - noising.decay(time) * drawn.data) / noising.sigma(time)
        return estimate_from_forces(
            array.description.potential,
            sampling.weight(noising, time),
            reading.forces,
            noising.reverse_force(at, noise, time),
            at,
            reading,
            drawn.redrawn,
        )
