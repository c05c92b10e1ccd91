"""Generated images beside real ones."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oscilab.data.dataset import checked_values
from oscilab.errors import InvalidInput
from oscilab.figures.style import GUTTER, PAPER, picture
from oscilab.types import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 8
GENERATED_COLUMNS, REAL_COLUMNS = 8, 4
TILE, PADDING, LEAST_WIDTH, TITLE_HEIGHT = 0.58, 0.18, 3.6, 0.55
"""Inches."""

Values = Float64Array


def sample_grid(
    samples: Values,
    shape: tuple[int, int],
    path: str | Path,
    title: str,
    real: Values | None = None,
    low: float = -1.0,
    high: float = 1.0,
) -> Path:
    """A PNG of the first 64 of `samples` `[sample, feature]`, `real` examples to their right.

    Each is `shape` (rows, columns). `low` is shown as paper, `high` as ink, and what lies outside
    as the nearer of the two.

    Raises:
        InvalidInput: samples that do not fit the shape, or a path that cannot be written.
    """
    sets = [("generated", samples, GENERATED_COLUMNS)]
    if real is not None:
        sets.append(("real", real, REAL_COLUMNS))
    mosaics = [
        (name, mosaic(values, shape, min(columns, max(len(values), 1))))
        for name, values, columns in sets
    ]
    scale = TILE / max(shape)
    widths = [scale * tiles.shape[1] for _, tiles in mosaics]
    height = scale * max(tiles.shape[0] for _, tiles in mosaics)
    with picture(path, max(sum(widths) + PADDING, LEAST_WIDTH), height + TITLE_HEIGHT) as figure:
        figure.suptitle(title, x=0.005, ha="left")
        panels = figure.subplots(1, len(mosaics), width_ratios=widths, squeeze=False)
        for panel, (name, tiles) in zip(panels.flat, mosaics, strict=True):
            _show(panel, tiles, name, low, high)
    return Path(path)


def mosaic(values: Values, shape: tuple[int, int], columns: int) -> Values:
    """Up to `ROWS` rows of images side by side, NaN between them and where there is none.

    Raises:
        InvalidInput: no image, or images that do not fit `shape`.
    """
    images = checked_values(values, "batch of samples to show")
    rows, across = shape
    if not len(images) or images.shape[1] != rows * across:
        raise InvalidInput(
            f"samples of shape {images.shape} cannot be shown as {rows} x {across} images; give "
            f"[sample, {rows * across}]"
        )
    images = images[: ROWS * columns].reshape(-1, rows, across)
    lines = -(-len(images) // columns)
    gap = max(1, round(min(shape) / 10))
    tiles = np.full((lines * (rows + gap) + gap, columns * (across + gap) + gap), np.nan)
    for index, image in enumerate(images):
        line, column = divmod(index, columns)
        top, left = gap + line * (rows + gap), gap + column * (across + gap)
        tiles[top : top + rows, left : left + across] = image
    return tiles


def _show(panel: Axes, tiles: Values, name: str, low: float, high: float) -> None:
    import matplotlib as mpl

    colours = mpl.colormaps[PAPER].with_extremes(bad=GUTTER)
    panel.imshow(tiles, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    panel.set_anchor("NW")
    panel.set_title(name, fontsize=9, pad=3)
    panel.set_axis_off()
