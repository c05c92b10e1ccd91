"""Readings of single channels, point after point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.live.model import RunModel
from oscilab.viewer.panel import Panel, choice, label, narrow, paint_plot, plot_widget
from oscilab.viewer.qt import pg
from oscilab.viewer.theme import CYCLE, Theme

AT_ONCE = 8
SPREADS = 6.0
"""Distance between two lines, in median deviations of what they show."""


class TracesPanel(Panel):
    """Eight channels as lines one above the other, or all of them as one picture."""

    def __init__(self) -> None:
        super().__init__("Channels")
        self.quantity = choice([])
        self.mode = choice(["lines", "all"])
        self.bar.addWidget(self.quantity)
        self.bar.addWidget(self.mode)
        self.plot = plot_widget()
        self.plot.setLabel("bottom", "points, the newest at the right")
        self.plot.getPlotItem().getAxis("left").setWidth(36)
        self.body.addWidget(self.plot, 1)
        self._legend = narrow(label("", "faint"))
        self.body.addWidget(self._legend)
        self.first = 0
        # Millions of readings are thinned out to the pixels that there are.
        self._image: Any = pg.ImageItem(autoDownsample=True)
        self._lines: list[Any] = []
        self._theme: Theme | None = None

    def paint_in(self, theme: Theme) -> None:
        """Take on a theme's colours."""
        self._theme = theme
        paint_plot(self.plot, theme)
        self.plot.clear()
        self.plot.addItem(self._image)
        self._lines = [self.plot.plot(pen=pg.mkPen(CYCLE[k], width=1)) for k in range(AT_ONCE)]
        for line in self._lines:
            line.setSkipFiniteCheck(False)

    def page(self, by: int) -> None:
        """The next eight channels, or those before."""
        self.first = max(0, self.first + by * AT_ONCE)

    def draw(self, model: RunModel) -> None:
        """Show the last points."""
        if self._theme is None or not model.traces:
            return
        names = [self.quantity.itemText(k) for k in range(self.quantity.count())]
        if names != list(model.traces):
            self.quantity.clear()
            self.quantity.addItems(list(model.traces))
            wanted = "forces" if "forces" in model.traces else "positions"
            self.quantity.setCurrentText(wanted)
        traces = model.traces[self.quantity.currentText()]
        values = traces.recent()
        if not len(values):
            return
        if self.mode.currentIndex() == 1:
            self._draw_all(values)
        else:
            self._draw_lines(values, traces.channels)

    def _draw_lines(self, values: NDArray[Any], channels: int) -> None:
        self._image.setVisible(False)
        if self.first >= channels:
            self.first = 0
        shown = range(self.first, min(self.first + AT_ONCE, channels))
        part = values[:, self.first : self.first + AT_ONCE]
        middle = np.nanmedian(part, axis=0)
        spread = float(np.nanmedian(np.abs(part - middle))) or 1.0
        xs = np.arange(len(part), dtype=np.float64)
        for place, line in enumerate(self._lines):
            line.setVisible(place < len(shown))
            if place < len(shown):
                line.setData(xs, (part[:, place] - middle[place]) / (SPREADS * spread) - place)
        ticks = [(-place, str(channel)) for place, channel in enumerate(shown)]
        self.plot.getPlotItem().getAxis("left").setTicks([ticks])
        self.plot.setRange(
            xRange=(0, max(len(part), 2)), yRange=(-len(shown) + 0.2, 0.8), padding=0.01
        )
        self._legend.setText(
            f"{shown.start} to {shown.stop - 1} of {channels}, {SPREADS * spread:.3g} apart"
        )

    def _draw_all(self, values: NDArray[Any]) -> None:
        assert self._theme is not None
        for line in self._lines:
            line.setVisible(False)
        reach = float(np.nanpercentile(np.abs(values[::8]), 99)) or 1.0
        self._image.setImage(values.T, levels=(-reach, reach), lut=self._theme.diverging)
        self._image.setVisible(True)
        self.plot.getPlotItem().getAxis("left").setTicks(None)
        self.plot.setRange(xRange=(0, values.shape[0]), yRange=(0, values.shape[1]), padding=0.01)
        self._legend.setText(f"all {values.shape[1]} channels, ±{reach:.3g}")
