"""Samples of two oscillators over the true density, with both marginals."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oscilab.data.dataset import checked_values
from oscilab.data.mixture import GaussianMixture
from oscilab.errors import InvalidInput
from oscilab.figures.style import BLUE, ORANGE, picture
from oscilab.types import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MASSES = (0.99, 0.9, 0.5)
"""Probability inside each contour, outermost first."""

GRID, BINS, DEVIATIONS = 240, 60, 4.5
MOST_DOTS = 4000

Values = Float64Array


def mixture_picture(samples: Values, truth: GaussianMixture, path: str | Path, title: str) -> Path:
    """A PNG of `samples` `[sample, 2]` over the contours of `truth`, and their marginals.

    Raises:
        InvalidInput: samples or a mixture not of two dimensions, or a path that cannot be written.
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
    """The densities whose contours hold `MASSES` of the probability on the grid."""
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
