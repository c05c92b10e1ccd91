"""Measured forces against target forces, or against the forces of the protocol."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from oscilab.figures.style import BLUE, FAINT, INK, ORANGE, SEQUENTIAL, picture
from oscilab.traces.plots.shared import Values, group, heading, need, newest_protocol
from oscilab.traces.run import Run
from oscilab.types import IndexArray

NODES_SHOWN = 3
MOST_BATCHES = 60
BINS = 15


def draw_forces(run: Run, path: Path) -> Path:
    """Draw the last logged readings of an early, a middle and a late node.

    If the run has targets, the mean target at each measured force is on the diagonal once the node
    has converged (single targets scatter by the noise of their points). Otherwise, forces are
    compared to those of the newest protocol at the same set-points. Displacements are compared by
    their means at the same set-points, with bars of two standard errors.

    Raises:
        InvalidInput: the run has no readings, or the picture cannot be written.
    """
    need(run, "readings", "kept readings")
    readings = group(run, "readings")
    nodes = group(run, "training")["node_number"].sel(batch=readings["batch"]).values
    times = group(run, "schedule")["nodes"].values
    present = np.unique(nodes)
    chosen = present[np.unique(np.linspace(0, len(present) - 1, NODES_SHOWN).astype(int))]
    displaced = "forces" not in readings
    name = ""
    with picture(path, 2.5 * len(chosen) + 0.6, 3.15) as figure:
        figure.suptitle(f"Forces of {heading(run)}", x=0.01, ha="left")
        panels: Any = figure.subplots(1, len(chosen), squeeze=False)
        for panel, node in zip(panels[0], chosen[::-1], strict=True):
            kept = np.flatnonzero(nodes == node)[-MOST_BATCHES:]
            wanted, name = _wanted(run, int(node), kept)
            panel.set_title(f"t = {times[node]:.2g}")
            if displaced:
                points = readings["set_points"][kept].values
                _draw_means(panel, points, _displaced(readings, kept), wanted, name)
                panel.set_xlabel("set-point (amplitude)")
            else:
                _draw_pairs(panel, readings["forces"][kept].values, wanted)
                panel.set_xlabel("measured force (kT / amplitude)")
        panels[0, 0].set_ylabel(f"{'mean' if displaced else name} (kT / amplitude)")
        if displaced:
            panels[0, 0].legend(fontsize=7)
    return path


def _displaced(readings: Any, kept: IndexArray) -> Values:
    moved = readings["end"][kept].values - readings["start"][kept].values
    return moved / readings["duration"][kept].values[:, np.newaxis, np.newaxis]


def _wanted(run: Run, node: int, kept: IndexArray) -> tuple[Values, str]:
    readings = group(run, "readings")
    if "targets" in readings:
        return readings["targets"][kept].values, "target force"
    protocol, which = newest_protocol(run)
    points = readings["set_points"][kept].values.astype(float)
    forces = protocol.potential.forces(
        protocol.parameters[node], np.nan_to_num(points.reshape(-1, points.shape[-1]))
    )
    found = np.where(np.isfinite(points), forces.reshape(points.shape), np.nan)
    return found, f"force of the protocol {which}"


def _draw_pairs(panel: Any, measured: Values, wanted: Values) -> None:
    good = np.isfinite(measured) & np.isfinite(wanted)
    measured, wanted = measured[good], wanted[good]
    across, up = _reach(measured), _reach(wanted)
    panel.hexbin(
        measured,
        wanted,
        gridsize=45,
        bins="log",
        extent=(-across, across, -up, up),
        cmap=SEQUENTIAL,
        linewidths=0,
    )
    panel.axline((0, 0), slope=1, color=INK, linewidth=0.8, linestyle="--", label="equal")
    centres, means, _ = _binned(measured, wanted)
    panel.plot(centres, means, "o", color=ORANGE, markersize=3, label="mean")
    panel.set(xlim=(-across, across), ylim=(-up, up))
    panel.legend(loc="upper left", fontsize=7)


def _draw_means(panel: Any, points: Values, moved: Values, wanted: Values, name: str) -> None:
    """Draw means, because single values scatter widely at a given set-point."""
    good = np.isfinite(points) & np.isfinite(moved) & np.isfinite(wanted)
    for values, colour, marker, label in (
        (moved[good], BLUE, "o", "displacement / duration"), (wanted[good], ORANGE, "s", name)
    ):  # fmt: skip
        centres, means, errors = _binned(points[good], values)
        panel.errorbar(centres, means, 2 * errors, fmt=marker, markersize=3, linewidth=0.8,
                       color=colour, label=label)  # fmt: skip
    panel.axhline(0, color=FAINT, linewidth=0.6)


def _reach(values: Values) -> float:
    return float(np.quantile(np.abs(values), 0.999)) * 1.15 or 1.0


def _binned(x: Values, y: Values) -> tuple[Values, Values, Values]:
    """Return means of x and y in bins of equal counts, and standard errors of y."""
    parts = [part for part in np.array_split(np.argsort(x), BINS) if len(part)]
    centres = np.array([x[part].mean() for part in parts])
    means = np.array([y[part].mean() for part in parts])
    errors = np.array([y[part].std() / np.sqrt(len(part)) for part in parts])
    return centres, means, errors
