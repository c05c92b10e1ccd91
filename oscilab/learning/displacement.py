"""The displacement rule: how far a released oscillator moves stands in for the force on it."""

from __future__ import annotations

from dataclasses import replace

from oscilab.arrays.description import Capability
from oscilab.arrays.readings import PositionReading
from oscilab.arrays.seam import OscillatorArray
from oscilab.learning.bounds import Bounded
from oscilab.learning.estimate import Estimate, ReadingKind, Sampling, estimate_from_forces
from oscilab.learning.points import PointSource
from oscilab.physics import Noising
from oscilab.types import Float64Array, FloatArray


class Displacement(Bounded):
    """F = (x(delta) - x(0)) / delta after a release from the clamped x(0), in U itself.

    Both ends come from the same sensor, whose offset cancels. Features use the set-points: a
    measured start's noise s would be in the displacement as well and bias a stiffness by
    -s^2 / (delta sigma_t^2).

    The mean is off to first order in delta: where a force -k x is wanted, the stiffness learned is
    -ln(1 - k delta) / delta, too large by a share of about k delta / 2. The bath adds a variance of
    2 D / delta to every displacement.
    """

    name = "displacement"
    needs = (Capability.CLAMP, Capability.RELEASE)
    needs_bath = False
    reads: ReadingKind = "position"
    uses = frozenset({"delta"})

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """delta sigma_t^2."""
        return sampling.release(noising, time)

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """One release from fresh points at noising time `time`."""
        noising = points.noising
        drawn = points.draw(time, sampling.batch, sampling.rng)
        reading = array.relax(parameters, drawn.noised, sampling.release(noising, time))
        target = noising.reverse_force(drawn.noised, drawn.noise, time)
        found = estimate_from_forces(
            array.description.potential,
            sampling.weight(noising, time),
            displacement_force(reading),
            target,
            drawn.noised,
            reading,
            drawn.redrawn,
        )
        return without_bath(found, reading, sampling.weight(noising, time), noising.temperature)


def displacement_force(reading: PositionReading) -> FloatArray:
    """The mean force over a release, as the displacement over its duration."""
    return (reading.end - reading.start) / reading.duration


def without_bath(
    found: Estimate, reading: PositionReading, weight: float, temperature: float
) -> Estimate:
    """`found` with the bath's share weight n D / delta of the loss taken off.

    What is left compares with force matching; one batch may come out below zero.
    """
    oscillators = reading.start.shape[1]
    return replace(found, loss=found.loss - weight * oscillators * temperature / reading.duration)
