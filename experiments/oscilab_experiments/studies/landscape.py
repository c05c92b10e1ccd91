"""How well a protocol's forces reverse the noising of data that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from oscilab.data.encoder import encoder_from_table
from oscilab.experiment import Settings, recipe_named
from oscilab.learning.points import PointSource
from oscilab.physics import noising_parameters
from oscilab.traces.run import open_run
from oscilab_sim.array import SimulatedArray

POINTS = 4000


class HeldOutLoss(NamedTuple):
    """Force-matching losses summed over nodes: as learned, and of the potential one starts from."""

    learned: float
    start: float


def held_out_loss(path: Path, points: int = POINTS) -> HeldOutLoss:
    """The loss of a run's protocol at `points` noised points a node of its held-out data.

    Every run of the same data and slices is given the same points: the scatter of the targets,
    which no protocol can follow, is then the same for all and falls out of differences.
    """
    with open_run(path) as run:
        protocol = run.protocol()
        settings = Settings.model_validate(run.configuration["settings"])
        encoder = encoder_from_table(run.configuration["encoder"])
    potential, noising = protocol.potential, protocol.noising
    description = SimulatedArray(potential, seed=0).description
    source = PointSource(
        encoder.encode(recipe_named(settings.experiment).load(settings).held_out),
        noising,
        description.clamp_lower,
        description.clamp_upper,
    )
    start = noising_parameters(potential)
    sums = np.zeros(2)
    for node, time in enumerate(protocol.schedule.nodes):
        drawn = source.draw(time, points, np.random.default_rng([20_250_619, node]))
        wanted = noising.reverse_force(drawn.noised, drawn.noise, time)
        for index, parameters in enumerate((protocol.parameters[node], start)):
            residuals = potential.forces(parameters, drawn.noised) - wanted
            sums[index] += 0.5 * noising.variance(time) * float((residuals**2).sum()) / points
    return HeldOutLoss(float(sums[0]), float(sums[1]))
