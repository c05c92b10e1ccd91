"""The formation of samples while a protocol is played."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from oscilab.figures.style import CYCLE, DIVERGING, GUTTER, picture
from oscilab.traces.plots.shared import Values, group, heading, need
from oscilab.traces.run import Run

INSTANTS, COPIES_SHOWN = 8, 5
FEW = 8
"""The most oscillators drawn as lines; more are drawn as maps of the array."""
LINES = 12


def draw_trajectory(run: Run, path: Path) -> Path:
    """Draw positions over array time: maps of a few copies, or lines of a few oscillators.

    Raises:
        InvalidInput: the run has no trajectory, or the picture cannot be written.
    """
    need(run, "trajectory", "played copies")
    trajectory = group(run, "trajectory")
    times = trajectory["time"].values
    shape = tuple(int(length) for length in group(run, "array")["layout"].values)
    if shape[0] * shape[1] <= FEW:
        positions = trajectory["positions"].values
        return _draw_lines(run, path, times, positions)
    chosen = np.unique(np.linspace(0, len(times) - 1, INSTANTS).astype(int))
    positions = trajectory["positions"][:COPIES_SHOWN].values[:, chosen]
    return _draw_maps(run, path, times[chosen], positions.reshape(*positions.shape[:2], *shape))


def _draw_maps(run: Run, path: Path, times: Values, maps: Values) -> Path:
    copies, instants = maps.shape[:2]
    reach = float(np.quantile(np.abs(maps), 0.99)) or 1.0
    with picture(path, 0.85 * instants + 0.9, 0.85 * copies + 0.9) as figure:
        figure.suptitle(f"Samples of {heading(run)} as they form", x=0.01, ha="left")
        panels: Any = figure.subplots(copies, instants, squeeze=False)
        image: Any = None
        for copy in range(copies):
            for instant, time in enumerate(times):
                panel = panels[copy, instant]
                image = panel.imshow(maps[copy, instant], cmap=DIVERGING, vmin=-reach, vmax=reach)
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set(visible=True, color=GUTTER, linewidth=0.5)
                if not copy:
                    panel.set_title(f"{time:.3g}", fontsize=8)
            panels[copy, 0].set_ylabel(f"copy {copy}", fontsize=8)
        figure.supxlabel("array time (top, in relaxation times), from noise to sample", fontsize=9)
        figure.colorbar(
            image, ax=panels, label="position (thermal amplitudes)", pad=0.02, aspect=30
        )
    return path


def _draw_lines(run: Run, path: Path, times: Values, positions: Values) -> Path:
    oscillators = positions.shape[2]
    with picture(path, 6.8, 0.7 + 1.6 * oscillators) as figure:
        figure.suptitle(f"Positions of {heading(run)} while it plays", x=0.01, ha="left")
        panels: Any = figure.subplots(
            oscillators, 2, sharey="row", squeeze=False, width_ratios=[4, 1]
        )
        for number, (panel, side) in enumerate(panels):
            colour = CYCLE[number % len(CYCLE)]
            values = positions[:, :, number]
            for low, high, strength in ((0.025, 0.975, 0.15), (0.25, 0.75, 0.3)):
                bottom, top = np.quantile(values, (low, high), axis=0)
                panel.fill_between(times, bottom, top, color=colour, alpha=strength, linewidth=0)
            panel.plot(times, values[:LINES].T, color=colour, linewidth=0.4, alpha=0.6)
            panel.set_ylabel(f"oscillator {number}")
            side.hist(values[:, -1], bins=40, orientation="horizontal", color=colour, alpha=0.8)
            side.set_xticks([])
        panels[0, 0].set_title(
            "positions (thermal amplitudes); bands: middle half and 95 % of the copies", fontsize=8
        )
        panels[0, 1].set_title("at the end", fontsize=8)
        panels[-1, 0].set_xlabel("array time (relaxation times)")
        panels[-1, 1].set_xlabel("copies")
    return path
