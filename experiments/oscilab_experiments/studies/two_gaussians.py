"""Compare every learning rule to the optimum of the terms, on two Gaussians in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oscilab.data.mixture import GaussianMixture, two_gaussians
from oscilab.figures.style import BLUE, CYCLE, FAINT, INK, ORANGE, picture
from oscilab.physics import Protocol
from oscilab.traces.run import open_run
from oscilab.types import Float64Array
from oscilab_experiments.studies.measuring import forming
from oscilab_experiments.studies.study import (
    Interval,
    Measured,
    Options,
    Point,
    Study,
    Table,
    excesses,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACH, BINS, GRID = 2.6, 48, 120
MASSES = (0.9, 0.5)
COLUMNS = 7
Values = Float64Array


def draw_two_gaussians(measured: Sequence[Measured], path: Path) -> None:
    """Draw four rows; the contours enclose 90 and 50 % of the truth."""
    groups = kinds(measured)
    matched = groups[("force-matching", False)][0]
    with picture(path, 11.0, 7.8) as figure:
        # Separate, so that the names of the rules do not reduce the size of the densities.
        # With more than one this is an array, which matplotlib's types do not say.
        parts: Any = figure.subfigures(2, 1, height_ratios=(5.4, 2.4))
        top, bottom = parts
        panels: Any = top.subplots(3, COLUMNS, height_ratios=(1.5, 1.5, 1.2))
        _over_time(list(panels[0]), matched)
        _by_rule(list(panels[1]), groups)
        _protocols(list(panels[2]), matched, groups)
        left, right = bottom.subplots(1, 2, width_ratios=(4, 3))
        _distances(left, groups)
        _missed(right, groups)


def _over_time(panels: list[Axes], matched: Measured) -> None:
    copies = matched.point.settings["samples"]
    times, decoded, _ = forming(matched.files[".h5"], copies)
    for panel, time, positions in zip(panels, times, decoded, strict=False):
        _density(panel, positions, two_gaussians().noised(float(time)), f"t = {time:.2g}")
    panels[0].set_ylabel("force-matching,\nover time")
    panels[-1].set_axis_off()
    panels[-1].plot([], [], color=ORANGE, label="truth")
    panels[-1].legend(loc="center left", title="shade: samples")


def _by_rule(panels: list[Axes], groups: dict[tuple[str, bool], list[Measured]]) -> None:
    truth = two_gaussians().noised(T_MIN)
    with np.load(groups[("optimum", False)][0].files[".npz"]) as stored:
        _density(panels[0], stored["samples"], truth, "optimum of the terms")
    for panel, rule in zip(panels[1:], RULES, strict=False):
        if (rule, False) not in groups:
            panel.set_axis_off()
            continue
        measured = groups[(rule, False)][0]
        _, _, shown = forming(measured.files[".h5"], measured.point.settings["samples"])
        _density(panel, shown, truth, rule.replace("-displacement", "-\ndisplacement"))
    drawn, _ = truth.sample(20_000, 1)
    _density(panels[6], drawn, truth, "truth")
    panels[0].set_ylabel("at t_min")


def _density(panel: Axes, positions: Values, truth: GaussianMixture, title: str) -> None:
    edges = np.linspace(-REACH, REACH, BINS + 1)
    counts, _, _ = np.histogram2d(*positions.T, bins=[edges, edges])
    panel.imshow(counts.T, origin="lower", extent=(-REACH, REACH, -REACH, REACH), cmap="Blues",
                 interpolation="nearest")  # fmt: skip
    line = np.linspace(-REACH, REACH, GRID)
    x, y = np.meshgrid(line, line)
    density = truth.density(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    ordered = np.sort(density.ravel())[::-1]
    inside = np.cumsum(ordered) / ordered.sum()
    levels = [float(ordered[np.searchsorted(inside, mass)]) for mass in MASSES]
    panel.contour(x, y, density, levels=levels, colors=ORANGE, linewidths=0.9)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set(visible=True, color=FAINT, linewidth=0.5)
    panel.set_title(title, fontsize=8)


def _protocols(
    panels: list[Axes], matched: Measured, groups: dict[tuple[str, bool], list[Measured]]
) -> None:
    with open_run(matched.files[".h5"]) as run:
        protocol = run.protocol()
    with np.load(groups[("optimum", False)][0].files[".npz"]) as stored:
        best = Protocol(
            protocol.potential, protocol.schedule, stored["parameters"], protocol.noising
        )
    families = list(protocol.potential.families.values())
    for panel, family in zip(panels, families, strict=False):
        for shown, style, width in ((protocol, "-", 1.0), (best, ":", 1.6)):
            stairs = shown.stairs()
            values = stairs.parameters[:, family.where]
            for index in range(values.shape[1]):
                panel.stairs(values[:, index], stairs.noising_times, baseline=None,
                             color=CYCLE[index], linestyle=style, linewidth=width)  # fmt: skip
        panel.set_xscale("log")
        panel.set_xlim(stairs.noising_times[0], stairs.noising_times[-1])
        panel.axhline(0, color=FAINT, linewidth=0.5)
        panel.set_title(family.name.replace("_", " "), fontsize=8)
        panel.tick_params(labelsize=7)
    panels[0].set_ylabel("protocol")
    panels[0].plot([], [], color=INK, linewidth=1.0, label="learned")
    panels[0].plot([], [], color=INK, linestyle=":", linewidth=1.6, label="optimum")
    panels[0].legend(fontsize=6, handlelength=1.4)
    panels[len(panels) // 2].set_xlabel("noising time, as played", fontsize=8)


def _distances(panel: Axes, groups: dict[tuple[str, bool], list[Measured]]) -> None:
    floor = Interval.of([each.values["floor"] for each in groups[("optimum", False)]])
    names = list(groups)
    for place, key in enumerate(names):
        found = Interval.of([each.values["distance"] for each in groups[key]])
        colour = INK if key[0] == "optimum" else (ORANGE if key[1] else BLUE)
        panel.errorbar(found.mean, -place, xerr=found.half, fmt="o", markersize=4, color=colour)
    panel.axvline(floor.mean, color=FAINT)
    panel.annotate("truth", (floor.mean, -len(names) + 0.8), color=FAINT, fontsize=8)
    matched = Interval.of([each.values["distance"] for each in groups[("force-matching", False)]])
    panel.axvspan(0.9 * matched.mean, 1.1 * matched.mean, color=FAINT, alpha=0.2, linewidth=0)
    panel.set_yticks(
        -np.arange(len(names)), [f"{rule}{', online' if online else ''}" for rule, online in names]
    )
    panel.tick_params(labelsize=7)
    panel.set_xlim(left=0)
    panel.set_ylim(-len(names) + 0.5, 0.5)
    panel.set_xlabel("sliced Wasserstein distance to the truth (band: within 10 % of "
                     "force-matching)", fontsize=8)  # fmt: skip


def _missed(panel: Axes, groups: dict[tuple[str, bool], list[Measured]]) -> None:
    names = [key for key in groups if key[0] != "optimum"]
    for place, key in enumerate(names):
        found = Interval.of([each.values["excess"] for each in groups[key]])
        colour = ORANGE if key[1] else BLUE
        panel.errorbar(found.mean, -place - 1, xerr=found.half, fmt="o", markersize=4,
                       color=colour)  # fmt: skip
    panel.set_xscale("log")
    panel.set_yticks([])
    panel.set_ylim(-len(names) - 0.5, 0.5)
    panel.grid(axis="x", linewidth=0.4)
    panel.tick_params(labelsize=7)
    panel.set_xlabel("share of what there is to learn that was missed", fontsize=8)


RULES = (
    "force-matching", "cd1", "displacement", "reverse-path", "reverse-path-displacement"
)  # fmt: skip
T_MIN = 0.01
ONLINE_DELTA = 0.4
WIDE = ("mean", "covariance")


def plan(options: Options) -> list[Point]:
    """Return points for the optimum and every rule in batches (five seeds) and online (three).

    Single measurements are noisy, most of all with short releases. Online, all rules therefore take
    small steps and the clamps stay open longer; otherwise they learn wells so narrow that they are
    slow to simulate.
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
    """Play and judge the optimum, which no training of these terms can surpass."""
    from oscilab_experiments.studies.measuring import judged, optimal_protocol

    protocol, array = optimal_protocol(seed, slices, points)
    final = np.asarray(array.play(protocol, copies=samples).final, np.float64)
    np.savez(folder / "run.npz", samples=final, parameters=protocol.parameters)
    floor = two_gaussians().noised(T_MIN).sample(samples, 77 + seed)[0]
    found = judged(final, T_MIN)
    return {**found, "floor": judged(floor, T_MIN)["distance"], "excess": 0.0}


def measure_rule(folder: Path, **settings: Any) -> dict[str, Any]:
    """Train by a rule, play and judge."""
    from oscilab_experiments.studies.measuring import excess, judged, train_here

    run = train_here(folder, "two-gaussians", settings)
    missed, nodes = excess(run.path, 50_000)
    return {**judged(run.samples, T_MIN), "excess": missed, "excess_of_nodes": nodes}


def kinds(measured: Sequence[Measured]) -> dict[tuple[str, bool], list[Measured]]:
    """Group points by rule (or `optimum`) and whether online."""
    found: dict[tuple[str, bool], list[Measured]] = {}
    for each in measured:
        settings = each.point.settings
        key = (settings.get("rule", "optimum"), settings.get("online", False))
        found.setdefault(key, []).append(each)
    return found


def tabulate(measured: Sequence[Measured]) -> Table:
    """Return a table of truth, optimum and every rule: distance, share missed, and the modes."""
    from oscilab_experiments.studies.measuring import true_values

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
    """Return the largest difference of the mean mode parameters, in standard errors."""
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


STUDY = Study("two-gaussians", plan, tabulate, draw_two_gaussians)
