"""Measured forces against what learning aims at, or against the forces of the protocol."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.figures.style import INK, ORANGE, SEQUENTIAL, picture
from oscilab.traces.plots.shared import Values, group, heading, need, newest_protocol
from oscilab.traces.run import Run

NODES_SHOWN = 3
MOST_BATCHES = 60
BINS = 15


def draw_forces(run: Run, path: Path) -> Path:
    """For the last kept readings of an early, a middle and a late node.

    Where the run keeps targets, the mean target at each measured force lies on the diagonal once
    the node has learned all it can (targets scatter by the noise that made them). Otherwise the
    forces are those that the newest protocol exerts at the same set-points.

    Raises:
        InvalidInput: the run keeps no force readings, or the picture cannot be written.
    """
    need(run, "readings", "kept readings")
    readings = group(run, "readings")
    nodes = group(run, "training")["node_number"].sel(batch=readings["batch"]).values
    times = group(run, "schedule")["nodes"].values
    present = np.unique(nodes)
    chosen = present[np.unique(np.linspace(0, len(present) - 1, NODES_SHOWN).astype(int))]
    name = ""
    with picture(path, 2.5 * len(chosen) + 0.6, 3.15) as figure:
        figure.suptitle(f"Forces of {heading(run)}", x=0.01, ha="left")
        panels: Any = figure.subplots(1, len(chosen), squeeze=False)
        for panel, node in zip(panels[0], chosen[::-1], strict=True):
            kept = np.flatnonzero(nodes == node)[-MOST_BATCHES:]
            measured, across = _measured(readings, kept)
            wanted, name = _wanted(run, int(node), kept)
            good = np.isfinite(measured) & np.isfinite(wanted)
            _draw_pairs(panel, measured[good], wanted[good])
            panel.set_title(f"t = {times[node]:.2g}")
            panel.set_xlabel(f"{across} (kT / amplitude)")
        panels[0, 0].set_ylabel(f"{name} (kT / amplitude)")
    return path


def _measured(readings: Any, kept: NDArray[np.intp]) -> tuple[Values, str]:
    if "forces" in readings:
        return readings["forces"][kept].values, "measured force"
    displacement = readings["end"][kept].values - readings["start"][kept].values
    duration = readings["duration"][kept].values[:, np.newaxis, np.newaxis]
    return displacement / duration, "displacement / duration"


def _wanted(run: Run, node: int, kept: NDArray[np.intp]) -> tuple[Values, str]:
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
    centres, means = _binned(measured, wanted)
    panel.plot(centres, means, "o", color=ORANGE, markersize=3, label="mean")
    panel.set(xlim=(-across, across), ylim=(-up, up))
    panel.legend(loc="upper left", fontsize=7)


def _reach(values: Values) -> float:
    return float(np.quantile(np.abs(values), 0.999)) * 1.15 or 1.0


def _binned(x: Values, y: Values) -> tuple[Values, Values]:
    """Means of y in bins of equally many x."""
    order = np.argsort(x)
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return np.array([x[part].mean() for part in parts]), np.array(
        [y[part].mean() for part in parts]
    )
