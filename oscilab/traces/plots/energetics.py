"""Work and heat of the played copies."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.figures.style import BLUE, INK, ORANGE, picture
from oscilab.traces.plots.shared import Values, group, heading, need
from oscilab.traces.run import Run

WHAT = (("work", "work done by the drive", BLUE), ("heat", "heat taken by the bath", ORANGE))


def draw_energetics(run: Run, path: Path) -> Path:
    """Draw histograms of work and heat in kT, with their means and standard errors.

    Raises:
        InvalidInput: the run has neither, or the picture cannot be written.
    """
    need(run, "trajectory", "played copies")
    values = {name: group(run, "trajectory")[name].values for name, _, _ in WHAT}
    if not any(np.isfinite(each).any() for each in values.values()):
        raise InvalidInput(f"run {run.path} holds no work or heat: its array could not read them")
    with picture(path, 6.8, 3.0) as figure:
        figure.suptitle(f"Energetics of {heading(run)}", x=0.01, ha="left")
        panels: Any = figure.subplots(1, 2, sharey=True)
        for panel, (name, meaning, colour) in zip(panels, WHAT, strict=True):
            _draw(panel, values[name][np.isfinite(values[name])], colour)
            panel.set_xlabel(f"{meaning} (kT)")
        panels[0].set_ylabel("copies")
    return path


def _draw(panel: Any, values: Values, colour: str) -> None:
    if not len(values):
        panel.text(0.5, 0.5, "not read", ha="center", transform=panel.transAxes)
        return
    mean, error = values.mean(), values.std() / max(1, len(values) - 1) ** 0.5
    panel.hist(values, bins="auto" if len(values) < 10_000 else 100, color=colour, alpha=0.7)
    panel.axvline(mean, color=INK, linewidth=1)
    title = f"mean {mean:.4g} ± {error:.2g}".replace("-", "\N{MINUS SIGN}")
    panel.set_title(title, fontsize=9)
