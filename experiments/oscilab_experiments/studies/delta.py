"""Bias and variance of every rule's gradient against delta, at equal array time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.figures.style import CYCLE, INK, picture
from oscilab_experiments.studies.study import Interval, Measured, Options, Point, Study, Table

PANELS = (
    ("bias", "missed however long one learns"),
    ("a_point", "missed, learning from one point"),
    ("array_time", "missed, learning for array time 1"),
)


def draw_delta(measured: Sequence[Measured], path: Path) -> None:
    """Draw three panels; all values are shares of what there is to learn."""
    kinds = groups(measured)
    deltas = sorted({delta for rule, delta in kinds if rule != "force-matching"})
    with picture(path, 9.6, 3.5) as figure:
        figure.suptitle("what a rule's gradient misses, against delta", x=0.01, ha="left")
        panels = figure.subplots(1, 3)
        for panel, (name, label) in zip(panels, PANELS, strict=True):
            for rule, colour in zip(RULES, CYCLE, strict=False):
                found = [
                    float(np.mean([each.values[name] for each in kinds[(rule, delta)]]))
                    for delta in deltas
                ]
                shown = np.where(np.array(found) > 0, found, np.nan)
                panel.plot(deltas, shown, color=colour, marker="o", markersize=3, label=rule)
            if name == "a_point":
                matched = [each.values[name] for each in kinds[("force-matching", 0.1)]]
                panel.axhline(
                    float(np.mean(matched)), color=INK, linestyle="--", label="force-matching"
                )
            if name == "bias":
                known = [
                    float(np.mean([each.values["bias_known_to"] for each in kinds[("cd1", delta)]]))
                    for delta in deltas
                ]
                panel.plot(deltas, known, color=INK, linestyle=":", label="to what cd1's is known")
            panel.set(xscale="log", yscale="log", xlabel="delta (in $\\sigma_t^2$)", ylabel=label)
            panel.set_xticks(deltas, [f"{delta:g}" for delta in deltas])
            panel.minorticks_off()
        names: dict[str, Any] = {}
        for panel in panels:
            handles, labels = panel.get_legend_handles_labels()
            names |= dict(zip(labels, handles, strict=True))
        figure.legend(names.values(), names.keys(), loc="outside lower center", ncols=len(names))


TIME = 0.1
"""The noising time at which there is most to learn."""
DELTAS = (0.02, 0.05, 0.1, 0.2, 0.4)
RULES = ("cd1", "displacement", "reverse-path", "reverse-path-displacement")
BATCH = 2000


def plan(options: Options) -> list[Point]:
    """Return points for every rule at every delta, and for force matching, which has none."""
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
    """Measure gradients at the optimum of two-gaussians' terms, where their mean should vanish.

    A mean gradient b shifts the learned parameters by A^-1 b, where A is the loss's second
    derivative, and increases the loss by b' A^-1 b / 2. Noise of covariance C increases it by
    tr(A^-1 C) / 2. Both are returned as a share of what there is to learn.
    """
    from oscilab.experiment import recipe_named, resolve
    from oscilab.experiment.build import build_topology
    from oscilab.learning.measurement import PointSource, Sampling
    from oscilab.learning.oracle import quadratic_loss
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
    # The exact loss has a remaining gradient too, from the box and from its own sampling.
    off = gradients.mean(axis=0) - loss.gradient(best)
    there = loss.value(noising_parameters(potential)) - loss.value(best)
    inverse = np.linalg.inv(loss.a)
    chance = 0.5 * float(np.trace(inverse @ covariance)) / batches
    released = KNOWN[rule].released(noising, TIME, sampling)
    a_point = chance * batches * BATCH / there
    return {
        # Subtract the known contribution of noise to the square.
        "bias": (0.5 * float(off @ inverse @ off) - chance) / there,
        "bias_known_to": chance / there,
        "a_point": a_point,
        "array_time": a_point * released,
        "released": released,
    }


def groups(measured: Sequence[Measured]) -> dict[tuple[str, float], list[Measured]]:
    """Group points by rule and delta."""
    found: dict[tuple[str, float], list[Measured]] = {}
    for each in measured:
        found.setdefault((each.point.settings["rule"], each.point.settings["delta"]), []).append(
            each
        )
    return found


def tabulate(measured: Sequence[Measured]) -> Table:
    """Return a table with a row for every rule and delta."""
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


STUDY = Study("delta", plan, tabulate, draw_delta)
