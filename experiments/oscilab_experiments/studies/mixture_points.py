"""What the studies of `two-gaussians` measure of a protocol and its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from oscilab.arrays import OscillatorArray
from oscilab.data.mixture import GaussianMixture, two_gaussians
from oscilab.experiment import recipe_named, resolve
from oscilab.experiment.setting_up import build_noising, build_schedule, build_topology
from oscilab.learning.bounds import confined
from oscilab.learning.oracle import QuadraticLoss, quadratic_loss
from oscilab.learning.points import PointSource
from oscilab.merit import estimate_modes, sliced_wasserstein
from oscilab.physics import Potential, Protocol, noising_parameters
from oscilab.traces.run import open_run
from oscilab.types import Float64Array
from oscilab_sim.array import SimulatedArray

NAME = "two-gaussians"
REFERENCE, PROJECTIONS = 100_000, 200
Values = Float64Array


def mode_values(
    samples: Values, truth: GaussianMixture
) -> tuple[dict[str, float], dict[str, float]]:
    """Weight, means and covariances of the modes by name, and their standard errors."""
    found = estimate_modes(samples, truth)
    values: dict[str, float] = {"weight 0": float(found.weights[0])}
    errors: dict[str, float] = {"weight 0": float(found.weight_errors[0])}
    for mode in range(2):
        for i in range(2):
            name = f"mean {mode} of {i}"
            values[name] = float(found.means[mode, i])
            errors[name] = float(found.mean_errors[mode, i])
        for i, j in ((0, 0), (1, 1), (0, 1)):
            name = f"covariance {mode} of {i}{j}"
            values[name] = float(found.covariances[mode, i, j])
            errors[name] = float(found.covariance_errors[mode, i, j])
    return values, errors


def true_values(truth: GaussianMixture) -> dict[str, float]:
    """The same of the truth."""
    found = {"weight 0": float(truth.weights[0])}
    for mode in range(2):
        found |= {f"mean {mode} of {i}": float(truth.means[mode, i]) for i in range(2)}
        for i, j in ((0, 0), (1, 1), (0, 1)):
            found[f"covariance {mode} of {i}{j}"] = float(truth.covariances[mode, i, j])
    return found


def judged(samples: Values, t_min: float) -> dict[str, Any]:
    """Distance to fresh draws of the truth at t_min, and what the modes are."""
    truth = two_gaussians().noised(t_min)
    reference, _ = truth.sample(REFERENCE, 20_250_619)
    values, errors = mode_values(samples, truth)
    distance = sliced_wasserstein(samples, reference, PROJECTIONS)
    return {"distance": distance, "modes": values, "errors": errors}


def excess(path: Path, samples: int) -> tuple[float, list[float]]:
    """How much of what there is to learn the protocol of a run misses.

    (L - L*) / (L_start - L*), of the sums over nodes, then node by node; L* is the bounded optimum.
    """
    with open_run(path) as run:
        protocol = run.protocol()
        seed = int(run.configuration["settings"]["seed"])
    losses, array = exact_losses(seed, protocol, samples)
    start = noising_parameters(protocol.potential)
    least = [each.value(each.minimiser(array.description.box)) for each in losses]
    learned = [each.value(node) for each, node in zip(losses, protocol.parameters, strict=True)]
    begun = [each.value(start) for each in losses]
    missed, there = np.subtract(learned, least), np.subtract(begun, least)
    return float(missed.sum() / there.sum()), (missed / there).tolist()


def exact_losses(
    seed: int, protocol: Protocol, samples: int
) -> tuple[list[QuadraticLoss], OscillatorArray]:
    """The loss of every node, over the data that a run of that seed learns from."""
    settings = resolve(NAME, {"seed": seed}).settings
    array = SimulatedArray(protocol.potential, seed=seed)
    points = PointSource(
        recipe_named(NAME).load(settings).train,
        protocol.noising,
        array.description.clamp_lower,
        array.description.clamp_upper,
    )
    losses = [
        quadratic_loss(
            protocol.potential, points, time, protocol.noising.variance(time), samples,
            np.random.default_rng([seed, node]),
        )
        for node, time in enumerate(protocol.schedule.nodes)
    ]  # fmt: skip
    return losses, array


def optimal_protocol(seed: int, slices: int, samples: int) -> tuple[Protocol, SimulatedArray]:
    """The bounded least-squares optimum of every node, confined as every protocol must be."""
    experiment = resolve(NAME, {"seed": seed, "slices": slices})
    settings = experiment.settings
    potential = Potential(
        build_topology(settings.topology, settings.radius, (1, 2)), settings.terms
    )
    schedule = build_schedule(experiment)
    nodes = np.tile(noising_parameters(potential), (len(schedule.nodes), 1))
    noising = build_noising(experiment, 1.0)
    empty = Protocol(potential, schedule, nodes, noising)
    losses, _ = exact_losses(seed, empty, samples)
    array = SimulatedArray(
        potential, seed=1_000 + seed, settings=SimulatedArray.Settings(threads=1)
    )
    box = array.description.box
    best = np.array([confined(np.asarray(each.minimiser(box), np.float64), box) for each in losses])
    return Protocol(potential, schedule, best, noising), array
