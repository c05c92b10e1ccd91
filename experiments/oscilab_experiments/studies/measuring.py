"""Measurements shared by the studies: training, samples, and losses on held-out data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import oscilab
from oscilab import RunResult
from oscilab.arrays import OscillatorArray
from oscilab.data.encoder import encoder_from_table
from oscilab.data.mixture import GaussianMixture, two_gaussians
from oscilab.experiment import Settings, recipe_named, resolve
from oscilab.experiment.build import build_noising, build_schedule, build_topology
from oscilab.learning.measurement import PointSource
from oscilab.learning.oracle import QuadraticLoss, quadratic_loss
from oscilab.learning.rules import confined
from oscilab.merit import estimate_modes, sliced_wasserstein
from oscilab.physics import Potential, Protocol, noising_parameters
from oscilab.traces.run import open_run
from oscilab.types import Float64Array
from oscilab_sim.array import SimulatedArray

DEVICE = "one-core"
BENCH = f"""schema = 1
[devices.{DEVICE}]
array = "simulated"
[devices.{DEVICE}.settings]
threads = 1
"""
FEW = 1_000_000
"""Log the readings of few batches, because a study does not use them."""


def train_here(folder: Path, experiment: str, settings: Mapping[str, Any]) -> RunResult:
    """Train into `folder`/run.h5, on the built-in array limited to one core."""
    bench = folder / "bench.toml"
    bench.write_text(BENCH, encoding="utf-8")
    return oscilab.train(
        experiment,
        DEVICE,
        bench=str(bench),
        overrides=settings,
        out=folder / "run.h5",
        log_batches=FEW,
    )


INSTANTS = (0, 8, 12, 14, 15, 16)
"""Chosen from the recorded instants, which are even in array time; most happens at the end."""

Values = Float64Array


def forming(path: Path, copies: int) -> tuple[Values, Values, Values]:
    """Return noising times `[instant]`, decoded positions `[instant, copy, feature]`, and samples.

    The samples are the first `copies` of the run's readout, `[copy, feature]`.
    """
    with open_run(path) as run:
        encoder = encoder_from_table(run.configuration["encoder"])
        protocol = run.protocol()
        trajectory = run.tree["trajectory"].to_dataset()
        times = np.asarray(trajectory["time"])[list(INSTANTS)]
        chosen = trajectory["positions"][:copies, list(INSTANTS)].to_numpy()
        shown = run.tree["result/samples"].to_dataset()["shown"][:copies].to_numpy()
    pace = protocol.noising.speed / protocol.schedule.stretch
    noising_times = np.maximum(protocol.schedule.t_max - times * pace, protocol.schedule.t_min)
    decoded = np.stack([encoder.decode(chosen[:, k].astype(float)) for k in range(len(times))])
    return noising_times, decoded, np.asarray(shown, float)


POINTS = 4000


class HeldOutLoss(NamedTuple):
    """Force-matching losses summed over nodes: of the learned and of the initial potential."""

    learned: float
    start: float


def held_out_loss(path: Path, points: int = POINTS) -> HeldOutLoss:
    """Return the loss of a run's protocol at `points` noised points a node of its held-out data.

    All runs with the same data and slices use the same points. The scatter of the targets, which no
    protocol can follow, is then the same for all and cancels in differences.
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


NAME = "two-gaussians"
REFERENCE, PROJECTIONS = 100_000, 200


def mode_values(
    samples: Values, truth: GaussianMixture
) -> tuple[dict[str, float], dict[str, float]]:
    """Return weight, means and covariances of the modes by name, and their standard errors."""
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
    """Return the true values of the same."""
    found = {"weight 0": float(truth.weights[0])}
    for mode in range(2):
        found |= {f"mean {mode} of {i}": float(truth.means[mode, i]) for i in range(2)}
        for i, j in ((0, 0), (1, 1), (0, 1)):
            found[f"covariance {mode} of {i}{j}"] = float(truth.covariances[mode, i, j])
    return found


def judged(samples: Values, t_min: float) -> dict[str, Any]:
    """Return the distance to new draws of the truth at t_min, and the modes' values."""
    truth = two_gaussians().noised(t_min)
    reference, _ = truth.sample(REFERENCE, 20_250_619)
    values, errors = mode_values(samples, truth)
    distance = sliced_wasserstein(samples, reference, PROJECTIONS)
    return {"distance": distance, "modes": values, "errors": errors}


def excess(path: Path, samples: int) -> tuple[float, list[float]]:
    """Return the share of what there is to learn that the protocol of a run misses.

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
    """Return the loss of every node on the training data of a run of that seed."""
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
    """Return the bounded least-squares optimum of every node, made to confine."""
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
