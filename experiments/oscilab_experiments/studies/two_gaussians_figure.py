"""Two Gaussians: densities over time, what every rule samples, protocols and distances."""

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
from oscilab_experiments.studies.playbacks import forming
from oscilab_experiments.studies.study import Measured
from oscilab_experiments.studies.table import Interval
from oscilab_experiments.studies.two_gaussians import RULES, T_MIN, kinds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACH, BINS, GRID = 2.6, 48, 120
MASSES = (0.9, 0.5)
COLUMNS = 7
Values = Float64Array


def draw_two_gaussians(measured: Sequence[Measured], path: Path) -> None:
    """Four rows; contours are those of the truth, which hold 90 and 50 % of it."""
    groups = kinds(measured)
    matched = groups[("force-matching", False)][0]
    with picture(path, 11.0, 7.8) as figure:
        # Apart, so that the names of the rules take no room from the densities.
        # More than one: an array of them, which matplotlib's types do not tell.
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
