"""Pictures of the data in a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from oscilab.traces.plots.energetics import draw_energetics
from oscilab.traces.plots.forces import draw_forces
from oscilab.traces.plots.heatmap import draw_heatmap
from oscilab.traces.plots.loss import draw_loss
from oscilab.traces.plots.protocol import draw_protocol
from oscilab.traces.plots.spectra import draw_spectra
from oscilab.traces.plots.trajectory import draw_trajectory
from oscilab.traces.run import Run

PLOTS: Mapping[str, Callable[[Run, Path], Path]] = {
    "loss": draw_loss,
    "protocol": draw_protocol,
    "heatmap": draw_heatmap,
    "forces": draw_forces,
    "trajectory": draw_trajectory,
    "spectra": draw_spectra,
    "energetics": draw_energetics,
}
"""Functions that draw one picture of a run to a path, as PNG or PDF according to its suffix."""

__all__ = ["PLOTS"]
