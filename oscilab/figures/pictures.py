"""The pictures of a run: samples, mixtures, protocols and losses."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oscilab.data.dataset import checked_values
from oscilab.data.mixture import GaussianMixture
from oscilab.errors import InvalidInput
from oscilab.figures.style import (
    BLUE,
    CYCLE,
    DIVERGING,
    FAINT,
    GUTTER,
    INK,
    ORANGE,
    PAPER,
    SEQUENTIAL,
    picture,
)
from oscilab.physics import Family, Protocol
from oscilab.types import Float64Array, IndexArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    """Draw the first 64 of `samples` `[sample, feature]`, with `real` examples on the right.

    Each has `shape` (rows, columns). `low` is white and `high` black; values beyond are clipped.

    Raises:
        InvalidInput: the samples do not fit the shape, or the path cannot be written.
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
    """Return up to `ROWS` rows of images side by side, with NaN between and after them.

    Raises:
        InvalidInput: there are no images, or they do not fit `shape`.
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


MASSES = (0.99, 0.9, 0.5)
"""Probability inside each contour, outermost first."""

GRID, BINS, DEVIATIONS = 240, 60, 4.5
MOST_DOTS = 4000


def mixture_picture(samples: Values, truth: GaussianMixture, path: str | Path, title: str) -> Path:
    """Draw `samples` `[sample, 2]` over the contours of `truth`, and their marginals.

    Raises:
        InvalidInput: samples or mixture are not two-dimensional, or the path cannot be written.
    """
    points = checked_values(samples, "batch of samples to show")
    if not len(points) or points.shape[1] != 2 or truth.features != 2:
        raise InvalidInput(
            f"samples of shape {points.shape} and a mixture in {truth.features} dimensions have no "
            "picture in the plane; give two features"
        )
    spread = DEVIATIONS * np.sqrt(np.diagonal(truth.covariances, axis1=1, axis2=2))
    lows = np.minimum((truth.means - spread).min(axis=0), points.min(axis=0))
    highs = np.maximum((truth.means + spread).max(axis=0), points.max(axis=0))
    ends = zip(lows.tolist(), highs.tolist(), strict=True)
    axes: list[Values] = [np.linspace(float(low), float(high), GRID) for low, high in ends]
    with picture(path, 6.2, 5.6) as figure:
        figure.suptitle(title, x=0.01, ha="left")
        panels = figure.subplots(2, 2, width_ratios=(4, 1), height_ratios=(1, 4), squeeze=False)
        panels[0, 1].set_axis_off()
        joint = panels[1, 0]
        _joint(joint, points, truth, axes)
        _marginal(panels[0, 0], points, truth, axes, 0)
        _marginal(panels[1, 1], points, truth, axes, 1)
        panels[0, 0].sharex(joint)
        panels[1, 1].sharey(joint)
        handles, labels = joint.get_legend_handles_labels()
        panels[0, 1].legend(handles, labels, loc="center", handlelength=1.2, markerscale=2.5)
    return Path(path)


def _joint(panel: Axes, points: Values, truth: GaussianMixture, axes: list[Values]) -> None:
    x, y = np.meshgrid(*axes)
    density = truth.density(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    shown = points[:MOST_DOTS]
    panel.scatter(*shown.T, s=4, color=BLUE, alpha=0.35, linewidths=0, label="samples")
    levels = _levels(density)
    lines = panel.contour(x, y, density, levels=levels, colors=ORANGE, linewidths=1.3)
    names = {level: f"{mass:.0%}" for level, mass in zip(levels, MASSES, strict=True)}
    panel.clabel(lines, fmt=names, fontsize=8, inline=True)
    panel.plot([], [], color=ORANGE, label="truth")
    panel.set_xlabel("oscillator 0")
    panel.set_ylabel("oscillator 1")


def _levels(density: Values) -> list[float]:
    """Return the densities whose contours enclose `MASSES` of the probability on the grid."""
    ordered = np.sort(density.ravel())[::-1]
    inside = np.cumsum(ordered) / ordered.sum()
    return [float(ordered[np.searchsorted(inside, mass)]) for mass in MASSES]


def _marginal(
    panel: Axes, points: Values, truth: GaussianMixture, axes: list[Values], feature: int
) -> None:
    values = axes[feature]
    exact = GaussianMixture(
        truth.weights,
        truth.means[:, [feature]],
        truth.covariances[:, [feature]][:, :, [feature]],
    ).density(values[:, np.newaxis])
    edges = np.linspace(float(values[0]), float(values[-1]), BINS + 1)
    heights, _ = np.histogram(points[:, feature], edges, density=True)
    if feature == 0:
        panel.stairs(heights, edges, fill=True, color=BLUE, alpha=0.35)
        panel.plot(values, exact, color=ORANGE)
        panel.tick_params(labelbottom=False, labelleft=False, left=False)
        panel.spines["left"].set_visible(False)
    else:
        panel.stairs(heights, edges, fill=True, color=BLUE, alpha=0.35, orientation="horizontal")
        panel.plot(exact, values, color=ORANGE)
        panel.tick_params(labelleft=False, labelbottom=False, bottom=False)
        panel.spines["bottom"].set_visible(False)


MOST_LINES = 8
"""The most parameters of a family drawn as lines; more are drawn as bands."""

BANDS = ((0.0, 1.0, 0.15), (0.05, 0.95, 0.25), (0.25, 0.75, 0.4))
BANDS_EXPLAINED = "line: median; bands: middle half, 5 to 95 %, all"
LINEAR_UPDATES = 4


def protocol_picture(protocol: Protocol, path: str | Path, title: str) -> Path:
    """Draw a row for every family of terms, played from left (noise) to right (data).

    Few parameters are drawn as lines, many as bands: all of them, 5 to 95 %, the middle half, and
    the median as a line. To the right are maps over the array at the start, midway and at the end:
    sites for on-site terms, the matrix of both ends for pairs.

    Raises:
        InvalidInput: the path cannot be written.
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
    # Not the maximum: a few extreme parameters would leave the rest without colour.
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
    """Return sites for terms of one end, a matrix for two ends, None for three."""
    count, ends = protocol.potential.oscillators, family.ends.shape[1]
    if ends == 1:
        sites = np.full(count, np.nan)
        sites[family.ends[:, 0]] = values
        return sites.reshape(protocol.potential.topology.shape)
    if ends == 2:
        matrix = np.full((count, count), np.nan)
        i, j = family.ends.T
        matrix[j, i] = values
        # Last, so that a term with both orders keeps each value in its own place.
        matrix[i, j] = values
        return matrix
    return None


WINDOWS = 60
"""Running means span the training's length over this number, to suppress batch noise."""


def loss_curves(
    losses: Values,
    noising_times: Values,
    path: str | Path,
    title: str,
    optimum: Values | None = None,
) -> Path:
    """Draw `losses` `[step, node]`, each node coloured by its noising time `[node]`.

    Thin lines are single steps, thick ones running means, dotted ones the `optimum` `[node]` if
    given. Entries that are not finite (steps at which a node was not trained) are skipped.

    Raises:
        InvalidInput: the shapes do not match, times are not positive, there is no positive loss,
            or the path cannot be written.
    """
    table, times = _checked(losses, noising_times)
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    ends = (times.min(), times.max()) if len(times) > 1 else (times[0] / 2, times[0] * 2)
    norm = LogNorm(*ends)
    colours: Any = mpl.colormaps[SEQUENTIAL]
    with picture(path, 6.4, 3.6) as figure:
        panel = figure.subplots()
        for node, time in enumerate(times):
            trained = np.flatnonzero(np.isfinite(table[:, node]) & (table[:, node] > 0))
            values, colour = table[trained, node], colours(norm(time))
            panel.plot(trained + 1, values, color=colour, linewidth=0.5, alpha=0.25)
            middle, mean = _running_mean(trained + 1, values)
            panel.plot(middle, mean, color=colour)
            if optimum is not None:
                panel.axhline(float(optimum[node]), color=colour, linewidth=0.9, linestyle=":")
        panel.set(yscale="log", xlabel="training step", ylabel="loss of a slice")
        panel.set_title(title)
        mappable = ScalarMappable(norm, colours)
        figure.colorbar(mappable, ax=panel, label="noising time", pad=0.02)
    return Path(path)


def _checked(losses: Values, noising_times: Values) -> tuple[Values, Values]:
    table, times = np.asarray(losses, np.float64), np.asarray(noising_times, np.float64)
    if table.ndim != 2 or not len(table) or times.shape != table.shape[1:]:
        raise InvalidInput(
            f"losses of shape {table.shape} and noising times of shape {times.shape} make no "
            "curves; give [step, node] and [node]"
        )
    if not len(times) or not (np.isfinite(times) & (times > 0)).all():
        raise InvalidInput("loss curves need noising times above zero")
    if not (np.isfinite(table) & (table > 0)).any():
        raise InvalidInput("no loss is finite and above zero; there is nothing to draw")
    return table, times


def _running_mean(steps: IndexArray, values: Values) -> tuple[Values, Values]:
    width = max(1, len(values) // WINDOWS)
    if not len(values):
        return np.zeros(0), np.zeros(0)
    window = np.ones(width) / width
    return np.convolve(steps, window, "valid"), np.convolve(values, window, "valid")
