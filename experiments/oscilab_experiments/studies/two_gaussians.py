"""Every learning rule on two Gaussians in the plane, beside the optimum of the terms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.data.mixture import two_gaussians
from oscilab_experiments.studies.study import Measured, Options, Point, Study, excesses
from oscilab_experiments.studies.table import Interval, Table

RULES = (
    "force-matching", "cd1", "displacement", "reverse-path", "reverse-path-displacement"
)  # fmt: skip
T_MIN = 0.01
ONLINE_DELTA = 0.4
WIDE = ("mean", "covariance")


def plan(options: Options) -> list[Point]:
    """The optimum and every rule in batches over five seeds; the rules online over three.

    A single measurement says little, and least where a release is short. Online all rules take
    small steps, and clamps stay open for longer; otherwise they learn wells so narrow that they
    are slow to simulate.
    """
    seeds = options.seeds or (2 if options.quick else 5)
    online_seeds = 1 if options.quick else min(3, seeds)
    slices, samples = (12, 4000) if options.quick else (24, 20_000)
    points = 30_000 if options.quick else 400_000
    batched = {"steps": 60, "batch": 512} if options.quick else {"steps": 300, "batch": 1024}
    online = {"steps": 40, "batch": 64, "rate": 0.02}
    if options.quick:
        online = {"steps": 12, "batch": 32, "rate": 0.03}
    if options.steps is not None:
        batched["steps"] = options.steps
    common = {"slices": slices, "samples": samples}
    found = [
        Point(
            f"optimum-seed{seed}", f"{__name__}:measure_optimum",
            {"seed": seed, "points": points, **common},
        )
        for seed in range(seeds)
    ]  # fmt: skip
    found += [
        Point(
            f"{rule}-seed{seed}", f"{__name__}:measure_rule",
            {"rule": rule, "online": False, "seed": seed, **batched, **common},
        )
        for seed in range(seeds)
        for rule in RULES
    ]  # fmt: skip
    found += [
        Point(
            f"{rule}-online-seed{seed}", f"{__name__}:measure_rule",
            {"rule": rule, "online": True, "seed": seed, **online, **common,
             **({} if rule == "force-matching" else {"delta": ONLINE_DELTA})},
        )
        for seed in range(online_seeds)
        for rule in RULES
    ]  # fmt: skip
    return found


def measure_optimum(
    folder: Path, seed: int, points: int, slices: int, samples: int
) -> dict[str, Any]:
    """The optimum's own samples: what no training of these terms can better."""
    from oscilab_experiments.studies.mixture_points import judged, optimal_protocol

    protocol, array = optimal_protocol(seed, slices, points)
    final = np.asarray(array.play(protocol, copies=samples).final, np.float64)
    np.savez(folder / "run.npz", samples=final, parameters=protocol.parameters)
    floor = two_gaussians().noised(T_MIN).sample(samples, 77 + seed)[0]
    found = judged(final, T_MIN)
    return {**found, "floor": judged(floor, T_MIN)["distance"], "excess": 0.0}


def measure_rule(folder: Path, **settings: Any) -> dict[str, Any]:
    """Train by a rule, play, judge."""
    from oscilab_experiments.studies.mixture_points import excess, judged
    from oscilab_experiments.studies.training import train_here

    run = train_here(folder, "two-gaussians", settings)
    missed, nodes = excess(run.path, 50_000)
    return {**judged(run.samples, T_MIN), "excess": missed, "excess_of_nodes": nodes}


def kinds(measured: Sequence[Measured]) -> dict[tuple[str, bool], list[Measured]]:
    """Seeds of one kind together: by rule (or `optimum`) and whether online."""
    found: dict[tuple[str, bool], list[Measured]] = {}
    for each in measured:
        settings = each.point.settings
        key = (settings.get("rule", "optimum"), settings.get("online", False))
        found.setdefault(key, []).append(each)
    return found


def tabulate(measured: Sequence[Measured]) -> Table:
    """Truth, optimum, then every rule: distance, what was missed, and the modes."""
    from oscilab_experiments.studies.mixture_points import true_values

    groups = kinds(measured)
    optimum = groups[("optimum", False)]
    matched = groups[("force-matching", False)]
    rows: list[dict[str, Any]] = [
        {
            "rule": "truth", "points a node": "", "seeds": len(optimum),
            "distance": Interval.of([each.values["floor"] for each in optimum]),
            "over force matching": "", "missed": "", "z to the optimum": "",
            **true_values(two_gaussians().noised(T_MIN)),
        }
    ]  # fmt: skip
    for (rule, online), seeds in groups.items():
        settings = seeds[0].point.settings
        gap = excesses(seeds, matched, "distance")
        taken = settings["steps"] * settings["batch"] if "steps" in settings else ""
        is_reference = seeds is matched
        rows.append(
            {
                "rule": f"{rule}{', online' if online else ''}",
                "points a node": taken,
                "seeds": len(seeds),
                "distance": Interval.of([each.values["distance"] for each in seeds]),
                "over force matching": "" if is_reference else Interval.of(gap),
                "missed": Interval.of([each.values["excess"] for each in seeds]),
                "z to the optimum": "" if seeds is optimum else largest_z(seeds, optimum),
                **{
                    name: Interval.of([each.values["modes"][name] for each in seeds])
                    for name in seeds[0].values["modes"]
                },
            }
        )
    samples = measured[0].point.settings["samples"]
    notes = [
        f"Raw readout, {samples} samples a seed; intervals are 95 % over seeds. Distance is the "
        "sliced 2-Wasserstein distance to 100 000 draws of the truth noised to t_min (the row "
        "truth: draws of the truth itself), *over force matching* its excess, seed by seed. "
        "*Missed* is the share (L - L*) / (L_start - L*) of what there is to learn, summed over "
        "nodes. *z to the optimum* is the largest difference of the eleven mode parameters from "
        "the optimum's samples, in standard errors of both samplings together.",
    ]
    wide = frozenset(name for row in rows for name in row if name.startswith("mean "))
    return Table(rows, notes, wide)


def largest_z(seeds: Sequence[Measured], optimum: Sequence[Measured]) -> float:
    """Of the mode parameters, averaged over seeds: the largest difference in standard errors."""
    found: list[float] = []
    for name in seeds[0].values["modes"]:
        parts = [
            (
                each.values["modes"][name] - best.values["modes"][name],
                each.values["errors"][name] ** 2 + best.values["errors"][name] ** 2,
            )
            for each, best in _same_seeds(seeds, optimum)
        ]
        differences, variances = zip(*parts, strict=True)
        found.append(abs(sum(differences)) / sum(variances) ** 0.5)
    return max(found)


def _same_seeds(
    seeds: Sequence[Measured], others: Sequence[Measured]
) -> list[tuple[Measured, Measured]]:
    by_seed = {each.point.settings["seed"]: each for each in others}
    return [(each, by_seed[each.point.settings["seed"]]) for each in seeds]


def draw(measured: Sequence[Measured], path: Path) -> None:
    """See `two_gaussians_figure`."""
    from oscilab_experiments.studies.two_gaussians_figure import draw_two_gaussians

    draw_two_gaussians(measured, path)


STUDY = Study("two-gaussians", plan, tabulate, draw)
