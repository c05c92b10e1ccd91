"""What a rule's gradient costs: bias and variance against delta, at equal array time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oscilab_experiments.studies.study import Measured, Options, Point, Study
from oscilab_experiments.studies.table import Interval, Table

TIME = 0.1
"""A noising time at which there is most to learn."""
DELTAS = (0.02, 0.05, 0.1, 0.2, 0.4)
RULES = ("cd1", "displacement", "reverse-path", "reverse-path-displacement")
BATCH = 2000


def plan(options: Options) -> list[Point]:
    """Every rule at every delta, and force matching, which has none."""
    deltas = (0.05, 0.4) if options.quick else DELTAS
    batches = 50 if options.quick else 100
    found = [("force-matching", 0.1)]
    found += [(rule, delta) for rule in RULES for delta in deltas]
    return [
        Point(
            f"{rule}-delta{delta:g}-seed{seed}", f"{__name__}:measure",
            {"rule": rule, "delta": delta, "seed": seed, "batches": batches},
        )
        for rule, delta in found
        for seed in range(options.seeds or (2 if options.quick else 3))
    ]  # fmt: skip


def measure(folder: Path, rule: str, delta: float, seed: int, batches: int) -> dict[str, Any]:
    """Gradients at the optimum of two-gaussians' terms, where their mean should vanish.

    A mean gradient b moves what is learned by A^-1 b, A being the loss's second derivative, and
    costs b' A^-1 b / 2 of loss; noise of covariance C costs tr(A^-1 C) / 2. Both are given as a
    share of what there is to learn.
    """
    from oscilab.experiment import recipe_named, resolve
    from oscilab.experiment.setting_up import build_topology
    from oscilab.learning.estimate import Sampling
    from oscilab.learning.oracle import quadratic_loss
    from oscilab.learning.points import PointSource
    from oscilab.learning.rules import RULES as KNOWN
    from oscilab.physics import Noising, Potential, noising_parameters
    from oscilab_sim.array import SimulatedArray

    settings = resolve("two-gaussians", {"seed": seed}).settings
    potential = Potential(
        build_topology(settings.topology, settings.radius, (1, 2)), settings.terms
    )
    array = SimulatedArray(
        potential, seed=seed, settings=SimulatedArray.Settings(threads=1, step_fraction=0.005)
    )
    description, noising = array.description, Noising()
    points = PointSource(
        recipe_named("two-gaussians").load(settings).train, noising,
        description.clamp_lower, description.clamp_upper,
    )  # fmt: skip
    sampling = Sampling(BATCH, np.random.default_rng([seed, 1]), delta=delta)
    loss = quadratic_loss(
        potential, points, TIME, sampling.weight(noising, TIME), 400_000,
        np.random.default_rng([seed, 2]),
    )  # fmt: skip
    best = KNOWN[rule].allowed(
        np.asarray(loss.minimiser(description.box), np.float64), description.box, noising
    )
    gradients = np.array(
        [KNOWN[rule].estimate(array, best, TIME, points, sampling).gradient for _ in range(batches)]
    )
    covariance = np.cov(gradients.T)
    # Of the exact loss as well something is left, where the box binds or by its own sampling.
    off = gradients.mean(axis=0) - loss.gradient(best)
    there = loss.value(noising_parameters(potential)) - loss.value(best)
    inverse = np.linalg.inv(loss.a)
    chance = 0.5 * float(np.trace(inverse @ covariance)) / batches
    released = KNOWN[rule].released(noising, TIME, sampling)
    a_point = chance * batches * BATCH / there
    return {
        # What chance adds to a square is known and taken off.
        "bias": (0.5 * float(off @ inverse @ off) - chance) / there,
        "bias_known_to": chance / there,
        "a_point": a_point,
        "array_time": a_point * released,
        "released": released,
    }


def groups(measured: Sequence[Measured]) -> dict[tuple[str, float], list[Measured]]:
    """Seeds together, by rule and delta."""
    found: dict[tuple[str, float], list[Measured]] = {}
    for each in measured:
        found.setdefault((each.point.settings["rule"], each.point.settings["delta"]), []).append(
            each
        )
    return found


def tabulate(measured: Sequence[Measured]) -> Table:
    """A row for every rule and delta."""
    rows: list[dict[str, Any]] = []
    for (rule, delta), seeds in groups(measured).items():
        rows.append(
            {
                "rule": rule,
                "delta": "" if rule == "force-matching" else delta,
                "released a point": seeds[0].values["released"],
                "bias": Interval.of([each.values["bias"] for each in seeds]),
                "noise of a point": Interval.of([each.values["a_point"] for each in seeds]),
                "noise of array time 1": ""
                if rule == "force-matching"
                else Interval.of([each.values["array_time"] for each in seeds]),
            }
        )
    count = len({each.point.settings["seed"] for each in measured})
    notes = [
        f"At noising time {TIME:g} of two-gaussians, at the optimum of its terms; intervals are "
        f"95 % over {count} seeds. All are shares of what there is to learn at that slice: *bias* "
        "is missed however long one learns; *noise* is missed by learning from one point, or from "
        "as many as fit into one unit of array time, and falls with the number of them. Clamping "
        "and settling are not counted, and cost a rule with a small delta the most.",
    ]
    return Table(rows, notes)


def draw(measured: Sequence[Measured], path: Path) -> None:
    """See `delta_figure`."""
    from oscilab_experiments.studies.delta_figure import draw_delta

    draw_delta(measured, path)


STUDY = Study("delta", plan, tabulate, draw)
