"""Loss and gradient of every node during training."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from oscilab.figures.style import SEQUENTIAL, picture
from oscilab.traces.plots.shared import Values, group, heading, need
from oscilab.traces.run import Run

MOST_POINTS = 1500
WINDOWS = 60


def draw_loss(run: Run, path: Path) -> Path:
    """Draw loss and gradient norm: thin lines are steps (or means of a few), thick running means.

    Raises:
        InvalidInput: the run has no training, or the picture cannot be written.
    """
    need(run, "training", "measured batches")
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    training = group(run, "training")
    steps, nodes = training["step"].values, training["node_number"].values
    times = group(run, "schedule")["nodes"].values
    norm = LogNorm(times.min(), times.max())
    colours: Any = mpl.colormaps[SEQUENTIAL]
    with picture(path, 6.8, 5.2) as figure:
        figure.suptitle(f"Training of {heading(run)}", x=0.01, ha="left")
        panels: Any = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1.0])
        for panel, name in zip(panels, ("loss", "gradient_norm"), strict=True):
            values = training[name].values
            for node, time in enumerate(times):
                mine = nodes == node
                _draw_node(panel, steps[mine] + 1, values[mine], colours(norm(time)))
            panel.set_yscale("log")
        panels[0].set_ylabel("loss of a node")
        panels[1].set_ylabel("gradient norm")
        panels[1].set_xlabel("training step")
        panels[1].xaxis.get_major_locator().set_params(integer=True)
        mappable = ScalarMappable(norm, colours)
        figure.colorbar(mappable, ax=list(panels), label="noising time of the node", pad=0.02)
    return path


def _draw_node(panel: Any, steps: Values, values: Values, colour: Any) -> None:
    good = np.isfinite(values) & (values > 0)
    steps, values = steps[good], values[good]
    if not len(values):
        return
    every = -(-len(values) // MOST_POINTS)
    thin_steps, thin = _means(steps, every), _means(values, every)
    panel.plot(thin_steps, thin, color=colour, linewidth=0.5, alpha=0.3)
    window = max(1, len(thin) // WINDOWS)
    kernel = np.ones(window) / window
    smooth = np.convolve(thin, kernel, "valid")
    panel.plot(np.convolve(thin_steps, kernel, "valid"), smooth, color=colour, linewidth=1.2)


def _means(values: Values, every: int) -> Values:
    """Return means of every `every` consecutive values."""
    starts = np.arange(0, len(values), every)
    counts = np.diff(np.append(starts, len(values)))
    return np.add.reduceat(values.astype(float), starts) / counts
