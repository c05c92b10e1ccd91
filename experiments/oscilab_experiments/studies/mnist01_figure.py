"""MNIST's 0s and 1s forming under both rules, and how good they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from oscilab.figures.sample_grid import mosaic
from oscilab.figures.style import BLUE, FAINT, GUTTER, INK, ORANGE, PAPER, picture
from oscilab_experiments.studies.mnist01 import BATCH, DELTA, groups, missed
from oscilab_experiments.studies.playbacks import forming
from oscilab_experiments.studies.study import Measured
from oscilab_experiments.studies.table import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COPIES = 5
RULES = (("force-matching", 0.0, BLUE), ("cd1", DELTA, ORANGE))
Kinds = dict[tuple[int, str, float, int], list[Measured]]


def draw_mnist01(measured: Sequence[Measured], path: Path) -> None:
    """A strip of samples over time for each size and rule; below, the figures of merit."""
    kinds = groups(measured)
    sides = sorted({side for side, *_ in kinds})
    with picture(path, 10.0, 3.3 * len(sides) + 2.8) as figure:
        # More than one: an array of them, which matplotlib's types do not tell.
        parts: Any = figure.subfigures(2, 1, height_ratios=(3.3 * len(sides), 2.8))
        top, bottom = parts
        strips = top.subplots(len(sides), 2, squeeze=False)
        for row, side in zip(strips, sides, strict=True):
            for panel, (rule, delta, _) in zip(row, RULES, strict=True):
                _strip(panel, kinds[(side, rule, delta, BATCH)][0], side, rule)
        left, middle, by_delta, by_batch = bottom.subplots(1, 4)
        _by_size(left, kinds, sides, "sliced_wasserstein", "distance to held-out data")
        _by_size(middle, kinds, sides, "class_share", "class share")
        middle.set_ylim(0, 1)
        cd1 = {key[2:]: seeds for key, seeds in kinds.items() if key[:2] == (sides[0], "cd1")}
        _missed(by_delta, kinds, {delta: cd1[delta, batch] for delta, batch in cd1
                                  if batch == BATCH})  # fmt: skip
        by_delta.set_xlabel("delta (in $\\sigma_t^2$)")
        _missed(by_batch, kinds, {batch: cd1[delta, batch] for delta, batch in cd1
                                  if delta == DELTA})  # fmt: skip
        by_batch.set_xlabel("points a batch")
        for panel in (by_delta, by_batch):
            panel.set_title(f"{sides[0]}x{sides[0]}, missed by cd1", fontsize=9)


def _strip(panel: Axes, measured: Measured, side: int, rule: str) -> None:
    times, decoded, shown = forming(measured.files[".h5"], COPIES)
    columns = np.concatenate([decoded, shown[np.newaxis]]).swapaxes(0, 1)
    count = columns.shape[1]
    tiles = mosaic(columns.reshape(-1, side * side), (side, side), count)
    colours = mpl.colormaps[PAPER].with_extremes(bad=GUTTER)
    panel.imshow(tiles, cmap=colours, vmin=-1, vmax=1, interpolation="nearest")
    width = tiles.shape[1] / count
    names = [*(f"{time:.2g}" for time in times), "denoised"]
    panel.set_xticks((np.arange(count) + 0.5) * width, names)
    panel.tick_params(length=0, labelsize=7)
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    panel.set_title(f"{side}x{side}, {rule}, over noising time", fontsize=9)


def _by_size(panel: Axes, kinds: Kinds, sides: list[int], name: str, label: str) -> None:
    for index, (rule, delta, colour) in enumerate(RULES):
        found = [
            Interval.of([each.values[name] for each in kinds[(side, rule, delta, BATCH)]])
            for side in sides
        ]
        places = np.arange(len(sides)) + 0.2 * (index - 0.5)
        panel.errorbar(places, [each.mean for each in found], [each.half for each in found],
                       fmt="o", markersize=4, color=colour, label=rule)  # fmt: skip
    for index, side in enumerate(sides):
        values = kinds[(side, "force-matching", 0.0, BATCH)][0].values
        data = "class_share_data" if name == "class_share" else f"{name}_floor"
        ends = (index - 0.35, index + 0.35)
        for key, colour, words in ((data, INK, "data"), (f"{name}_gaussian", FAINT, "Gaussian")):
            panel.hlines(values[key], *ends, colors=colour, linewidth=1.2,
                         label=words if index == 0 else "_")  # fmt: skip
    panel.set_xticks(range(len(sides)), [f"{side}x{side}" for side in sides])
    panel.set_xlim(-0.6, len(sides) - 0.4)
    panel.set_ylim(bottom=0)
    panel.set_title(label, fontsize=9)
    if name == "class_share":
        panel.legend(loc="lower right")


def _missed(panel: Axes, kinds: Kinds, by_place: Mapping[float, Sequence[Measured]]) -> None:
    """Of what force matching learns from as many points, over whatever the places are."""
    places = sorted(by_place)
    found: list[Interval] = []
    for place in places:
        settings = by_place[place][0].point.settings
        matched = kinds[(settings["side"], "force-matching", 0.0, settings["batch"])]
        found.append(Interval.of(missed(by_place[place], matched)))
    panel.errorbar(places, [each.mean for each in found], [each.half for each in found],
                   marker="o", markersize=4, color=ORANGE)  # fmt: skip
    panel.set_xscale("log")
    panel.set_xticks(places, [f"{place:g}" for place in places])
    panel.minorticks_off()
    panel.set_ylim(bottom=0)
