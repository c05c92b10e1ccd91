"""Loss and gradient over the steps of a training."""

from __future__ import annotations

import numpy as np

from oscilab.live.model import RunModel
from oscilab.live.palette import colours
from oscilab.viewer.panel import Panel, label, paint_plot, plot_widget
from oscilab.viewer.qt import pg
from oscilab.viewer.theme import Theme

MOST_TICKS = 5
MOST_NODES = 12
"""Curves in one plot; of more slices some are left out, the first and the last never."""


class CurvesPanel(Panel):
    """A thin line for each slice, coloured by its noising time, and a thick one for their mean."""

    def __init__(self) -> None:
        super().__init__("Loss and gradient")
        self.bar.addWidget(label("data blue, noise yellow", "faint"))
        self.plots = {"loss": plot_widget(), "gradient_norm": plot_widget()}
        self._means: dict[str, object] = {}
        self._lines: dict[str, list[object]] = {name: [] for name in self.plots}
        for name, plot in self.plots.items():
            plot.setLogMode(x=False, y=True)
            plot.setLabel("left", name.replace("_norm", ""))
            plot.getPlotItem().getAxis("left").setWidth(58)
            self.body.addWidget(plot, 1)
        self.plots["gradient_norm"].setLabel("bottom", "training step")
        self._theme: Theme | None = None

    def paint_in(self, theme: Theme) -> None:
        """Take on a theme's colours."""
        self._theme = theme
        for name, plot in self.plots.items():
            paint_plot(plot, theme)
            self._begin(name, 0)

    def draw(self, model: RunModel) -> None:
        """Show all that is known."""
        curves = model.curves
        if curves is None or self._theme is None:
            return
        steps = curves.steps()
        if not len(steps):
            return
        shown = np.unique(
            np.linspace(0, curves.nodes - 1, min(curves.nodes, MOST_NODES)).astype(int)
        )
        for name, plot in self.plots.items():
            if len(self._lines[name]) != len(shown):
                self._begin(name, len(shown))
            table = curves.table(name)
            for line, node in zip(self._lines[name], shown, strict=True):
                _set(line, steps, table[:, node])
            _set(self._means[name], steps, curves.mean(name))
            good = table[np.isfinite(table) & (table > 0)]
            if len(good):
                low, high = np.log10([good.min(), good.max()])
                plot.setRange(
                    xRange=(0, steps[-1] + curves.stride / 2), yRange=(low, high), padding=0.04
                )
                plot.getPlotItem().getAxis("left").setTicks([_ticks(low, high)])

    def _begin(self, name: str, count: int) -> None:
        """New lines in a plot: `count` of slices, and their mean."""
        assert self._theme is not None
        plot = self.plots[name]
        plot.clear()
        self._lines[name] = []
        for colour in colours(np.linspace(0.1, 0.95, count), self._theme.sequential):
            line = plot.plot(pen=pg.mkPen([*colour.tolist(), 150], width=1))
            line.setZValue(-1)
            self._lines[name].append(line)
        self._means[name] = plot.plot(pen=pg.mkPen(self._theme.ink, width=2))


def _set(line: object, steps: object, values: object) -> None:
    xs, ys = np.asarray(steps), np.asarray(values)
    good = np.isfinite(ys) & (ys > 0)
    getattr(line, "setData")(xs[good], ys[good])  # noqa: B009


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Places and names of a few round numbers between two powers of ten."""
    decades = range(int(np.floor(low)) - 1, int(np.ceil(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        numbers = [factor * 10.0**decade for decade in decades for factor in factors]
        found = [(float(np.log10(number)), f"{number:g}") for number in numbers]
        found = [tick for tick in found if low <= tick[0] <= high]
        if len(found) <= MOST_TICKS:
            return found
    every = -(-len(decades) // MOST_TICKS)
    return [(float(decade), f"{10.0**decade:g}") for decade in decades[::every]]
