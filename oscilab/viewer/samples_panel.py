"""Samples, as they come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.live.model import RunModel
from oscilab.types import Float64Array
from oscilab.viewer.panel import Panel, label, paint_plot, plot_widget
from oscilab.viewer.qt import pg
from oscilab.viewer.theme import CYCLE, Theme

GUTTER = 1
FEW = 2
"""Features of a sample that is better shown as a point than as a picture."""


class SamplesPanel(Panel):
    """The newest samples: pictures side by side, or points in the plane."""

    def __init__(self) -> None:
        super().__init__("Samples")
        self.plot = plot_widget()
        self.plot.setMouseEnabled(False, False)
        self._image: Any = pg.ImageItem()
        self._points: Any = pg.ScatterPlotItem(size=5, pen=None, brush=CYCLE[0])
        self.plot.addItem(self._image)
        self.plot.addItem(self._points)
        self.body.addWidget(self.plot, 1)
        self.empty = label("they come when the run plays its protocol", "faint")
        self.body.addWidget(self.empty)
        self._theme: Theme | None = None

    def paint_in(self, theme: Theme) -> None:
        """Take on a theme's colours."""
        self._theme = theme
        paint_plot(self.plot, theme)

    def draw(self, model: RunModel) -> None:
        """Show the newest."""
        if model.samples is None or model.facts is None or self._theme is None:
            self._axes(False)
            return
        samples = np.asarray(model.samples, np.float64)
        samples = samples.reshape(len(samples), -1)
        high, wide = model.facts.sample
        pictures = samples.shape[1] > FEW and samples.shape[1] == high * wide
        self._axes(not pictures)
        self._image.setVisible(pictures)
        self._points.setVisible(not pictures)
        self.empty.setText(f"the last {len(samples)} of {model.samples_count}")
        self.title.setText("Samples")
        if pictures:
            self.plot.setAspectLocked(True)
            self.plot.getPlotItem().invertY(True)
            self._image.setImage(self._mosaic(samples, high, wide), autoLevels=False)
            self.plot.autoRange(padding=0.01)
        else:
            second = samples[:, 1] if samples.shape[1] > 1 else np.zeros(len(samples))
            self._points.setData(samples[:, 0], second)

    def _axes(self, shown: bool) -> None:
        for side in ("left", "bottom"):
            self.plot.getPlotItem().showAxis(side, shown)

    def _mosaic(self, samples: Float64Array, high: int, wide: int) -> NDArray[np.uint8]:
        assert self._theme is not None
        across = int(np.ceil(np.sqrt(len(samples) * high / wide)))
        down = -(-len(samples) // across)
        low, top = np.nanpercentile(samples, [1, 99])
        place = np.clip((samples - low) / max(top - low, 1e-9), 0, 1)
        ends = np.array(
            [[int(text[k : k + 2], 16) for k in (1, 3, 5)] for text in self._theme.paper], float
        )
        empty = [int(self._theme.line[k : k + 2], 16) for k in (1, 3, 5)]
        found = np.empty((down * (high + GUTTER), across * (wide + GUTTER), 3), np.uint8)
        found[:] = empty
        for number, each in enumerate(place.reshape(-1, high, wide)):
            row, column = divmod(number, across)
            y, x = row * (high + GUTTER), column * (wide + GUTTER)
            shade = each[..., np.newaxis]
            found[y : y + high, x : x + wide] = ends[0] * (1 - shade) + ends[1] * shade
        return found[:-GUTTER, :-GUTTER]
