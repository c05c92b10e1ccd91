"""Heat maps of every drive parameter over the slices."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from oscilab.figures.style import DIVERGING, picture
from oscilab.physics import Family, Protocol
from oscilab.traces.plots.shared import heading, newest_protocol
from oscilab.traces.run import Run

LEAST, MOST = 0.8, 3.0
"""Inches of a family's map."""
ROWS_AN_INCH = 60
MOST_TICKS = 8


def draw_heatmap(run: Run, path: Path) -> Path:
    """Draw a map for every family of terms: a row for each parameter, a column for each slice.

    Time runs from left (noise) to right (data), as played. Colours saturate at the family's 99th
    percentile, so that a few extreme parameters do not leave the rest without colour.

    Raises:
        InvalidInput: the run holds no parameters, or the picture cannot be written.
    """
    protocol, which = newest_protocol(run)
    families = [family for family in protocol.potential.families.values() if len(family.ends)]
    heights = [float(np.clip(len(each.ends) / ROWS_AN_INCH, LEAST, MOST)) for each in families]
    with picture(path, 6.8, sum(heights) + 0.35 * len(families) + 0.7) as figure:
        figure.suptitle(f"Parameters of {heading(run)}, {which}", x=0.01, ha="left")
        panels: Any = figure.subplots(
            len(families), 1, sharex=True, height_ratios=heights, squeeze=False
        )
        for panel, family in zip(panels[:, 0], families, strict=True):
            _draw_family(figure, panel, protocol, family)
        panels[-1, 0].set_xlabel("noising time of the slice, as played")
    return path


def _draw_family(figure: Any, panel: Any, protocol: Protocol, family: Family) -> None:
    stairs = protocol.stairs(1)
    values = stairs.parameters[:, family.where].T
    middles = np.sqrt(stairs.noising_times[1:] * stairs.noising_times[:-1])
    reach = float(np.quantile(np.abs(values), 0.99)) or 1.0
    image = panel.imshow(
        values, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest"
    )
    panel.spines[:].set_visible(True)
    shown = np.arange(0, len(middles), -(-len(middles) // MOST_TICKS))
    panel.set_xticks(shown, [f"{middles[place]:.2g}" for place in shown])
    count = len(family.ends)
    rows = range(count) if count <= 8 else (0, count - 1)
    panel.set_yticks(list(rows), [",".join(map(str, family.ends[row])) for row in rows])
    panel.set_ylabel(family.name.replace("_", " "))
    figure.colorbar(image, ax=panel, pad=0.02, fraction=0.05, extend="both")
