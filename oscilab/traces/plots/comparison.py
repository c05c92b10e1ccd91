"""The losses of several runs in one picture."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.figures.style import CYCLE, picture
from oscilab.traces.compare import final_losses
from oscilab.traces.plots.shared import group, need
from oscilab.traces.run import Run

WINDOWS = 60


def draw_comparison(runs: Sequence[Run], path: Path) -> Path:
    """Draw the mean loss over nodes at each step (left) and the final loss of every node (right).

    Raises:
        InvalidInput: a run has no training, or the picture cannot be written.
    """
    for run in runs:
        need(run, "training", "measured batches")
    with picture(path, 8.0, 3.6) as figure:
        over_time, at_end = figure.subplots(1, 2)
        for number, run in enumerate(runs):
            colour = CYCLE[number % len(CYCLE)]
            _draw_course(over_time, run, colour)
            times, losses = zip(*final_losses(run), strict=True)
            at_end.plot(times, losses, "o-", color=colour, markersize=3)
        over_time.set(yscale="log", xlabel="training step", ylabel="loss, mean over the nodes")
        over_time.xaxis.get_major_locator().set_params(integer=True)
        over_time.legend()
        at_end.set(xscale="log", yscale="log", xlabel="noising time of the node")
        at_end.set_ylabel("loss over the last tenth")
    return path


def _draw_course(panel: Any, run: Run, colour: str) -> None:
    training = group(run, "training")
    steps, place = np.unique(training["step"].values, return_inverse=True)
    mean = np.bincount(place, training["loss"].values) / np.bincount(place)
    window = max(1, len(mean) // WINDOWS)
    kernel = np.ones(window) / window
    panel.plot(steps + 1, mean, color=colour, linewidth=0.5, alpha=0.3)
    panel.plot(
        np.convolve(steps + 1, kernel, "valid"),
        np.convolve(mean, kernel, "valid"),
        color=colour,
        label=run.path.stem,
    )
