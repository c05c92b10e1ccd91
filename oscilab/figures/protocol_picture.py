"""The drive parameters of a protocol over time, and where on the array they act."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oscilab.figures.style import BLUE, CYCLE, DIVERGING, FAINT, GUTTER, INK, picture
from oscilab.physics import Family, Protocol
from oscilab.types import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 8
"""Parameters of a family that are drawn one by one; more are drawn as bands."""

BANDS = ((0.0, 1.0, 0.15), (0.05, 0.95, 0.25), (0.25, 0.75, 0.4))
BANDS_EXPLAINED = "line: median; bands: middle half, 5 to 95 %, all"
LINEAR_UPDATES = 4

Values = Float64Array


def protocol_picture(protocol: Protocol, path: str | Path, title: str) -> Path:
    """A PNG with a row for every family of terms, played from left (noise) to right (data).

    Few parameters are lines, many are bands: all of them, 5 to 95 % and the middle half, with the
    median as a line. To the right, maps over the array early, midway and at the end: sites for
    on-site terms, the matrix of both ends for pairs.

    Raises:
        InvalidInput: a path that cannot be written.
    """
    families = [family for family in protocol.potential.families.values() if len(family.ends)]
    maps = 0 if protocol.potential.oscillators <= MOST_LINES else 3
    stairs = protocol.stairs(LINEAR_UPDATES)
    with picture(path, 4.6 + 1.3 * maps, 0.7 + 1.6 * len(families)) as figure:
        figure.suptitle(title, x=0.01, ha="left")
        panels: Any = figure.subplots(
            len(families), 1 + maps, width_ratios=[3.2] + [1.0] * maps, squeeze=False
        )
        for row, family in zip(panels, families, strict=True):
            values = stairs.parameters[:, family.where]
            _over_time(row[0], family, values, stairs.noising_times)
            if maps:
                _maps(figure, list(row[1:]), protocol, family, values, stairs.noising_times)
        for panel in panels[:-1, 0]:
            panel.tick_params(labelbottom=False)
        if any(len(family.ends) > MOST_LINES for family in families):
            panels[0, 0].set_title(BANDS_EXPLAINED, fontsize=8)
        panels[-1, 0].set_xlabel("noising time, as played")
    return Path(path)


def _over_time(panel: Axes, family: Family, values: Values, times: Values) -> None:
    if values.shape[1] <= MOST_LINES:
        for index, ends in enumerate(family.ends.tolist()):
            name = ",".join(map(str, ends))
            colour = CYCLE[index % len(CYCLE)]
            panel.stairs(values[:, index], times, baseline=None, color=colour, label=name)
        panel.legend(loc="best", ncols=2, title=None)
    else:
        for low, high, strength in BANDS:
            bottom, top = np.quantile(values, (low, high), axis=1)
            panel.stairs(top, times, baseline=bottom, fill=True, color=BLUE, alpha=strength)
        panel.stairs(np.median(values, axis=1), times, baseline=None, color=INK, linewidth=1)
    panel.axhline(0, color=FAINT, linewidth=0.6)
    panel.set_xscale("log")
    panel.set_xlim(times[0], times[-1])
    panel.set_ylabel(family.name.replace("_", " "))


def _maps(
    figure: Figure,
    panels: list[Axes],
    protocol: Protocol,
    family: Family,
    values: Values,
    times: Values,
) -> None:
    steps = [0, len(values) // 2, len(values) - 1]
    drawn = [_laid_out(protocol, family, values[step]) for step in steps]
    # A few extreme parameters would leave the rest without colour.
    reach = float(np.quantile(np.abs(values[steps]), 0.99)) or 1.0
    for panel, step, sites in zip(panels, steps, drawn, strict=True):
        if sites is None:
            panel.set_axis_off()
            continue
        image = panel.imshow(sites, cmap=DIVERGING, vmin=-reach, vmax=reach)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set(visible=True, color=GUTTER, linewidth=0.5)
        panel.set_title(f"t = {(times[step] * times[step + 1]) ** 0.5:.2g}", fontsize=8)
        if panel is panels[-1]:
            figure.colorbar(image, ax=panels, pad=0.02, aspect=12)


def _laid_out(protocol: Protocol, family: Family, values: Values) -> Values | None:
    """Sites for one end, a matrix for two, None for three."""
    count, ends = protocol.potential.oscillators, family.ends.shape[1]
    if ends == 1:
        sites = np.full(count, np.nan)
        sites[family.ends[:, 0]] = values
        return sites.reshape(protocol.potential.topology.shape)
    if ends == 2:
        matrix = np.full((count, count), np.nan)
        i, j = family.ends.T
        matrix[j, i] = values
        # Second, so that a term in both orders keeps each in its own place.
        matrix[i, j] = values
        return matrix
    return None
