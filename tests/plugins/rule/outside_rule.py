"""Force matching that limits outliers of the force sensors to `MOST`."""

import numpy as np

from oscilab.arrays import Capability
from oscilab.learning.measurement import estimate_from_forces
from oscilab.learning.rules import Bounded

MOST = 20.0


class ClippedForces(Bounded):
    name = "clipped-forces"
    needs = (Capability.CLAMP, Capability.FORCE_READOUT)
    needs_bath = False
    reads = "force"
    uses = frozenset()

    def released(self, noising, time, sampling):
        return 0.0

    def estimate(self, array, parameters, time, points, sampling):
        drawn = points.draw(time, sampling.batch, sampling.rng)
        reading = array.measure_forces(parameters, drawn.noised)
        wanted = points.noising.reverse_force(drawn.noised, drawn.noise, time)
        return estimate_from_forces(
            array.description.potential,
            sampling.weight(points.noising, time),
            np.clip(reading.forces, wanted - MOST, wanted + MOST),
            wanted,
            drawn.noised,
            reading,
            drawn.redrawn,
        )


CLIPPED = ClippedForces()
