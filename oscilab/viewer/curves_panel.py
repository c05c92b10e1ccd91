"""Loss and gradient over the steps of a training."""

from __future__ import annotations

import numpy as np

from oscilab.live.model import RunModel
from oscilab.live.palette import colours
from oscilab.viewer.panel import Panel, label, paint_plot, plot_widget
from oscilab.viewer.qt import pg
from oscilab.viewer.theme import Theme

MOST_NODES = 12
"""Curves in one plot; of more slices some are left out, the first and the last never."""


class CurvesPanel(Panel):
    """A thin line for each slice, coloured by its noising time, and a thick one for their mean."""

    def __init__(self) -> None:
        super().__init__("Loss and gradient")
        self.bar.addWidget(label("thin: slices, from noise (yellow) to data (blue)", "faint"))
        self.plots = {"loss": plot_widget(), "gradient_norm": plot_widget()}
        self._means: dict[str, object] = {}
        self._lines: dict[str, list[object]] = {name: [] for name in self.plots}
        for name, plot in self.plots.items():
            plot.setLogMode(x=False, y=True)
            plot.setLabel("left", name.replace("_norm", ""))
            plot.getPlotItem().getAxis("left").setWidth(58)
            self.body.addWidget(plot, 1)
        self.plots["gradient_norm"].setXLink(self.plots["loss"])
        self.plots["gradient_norm"].setLabel("bottom", "training step")
        self._theme: Theme | None = None

    def paint_in(self, theme: Theme) -> None:
        """Take on a theme's colours."""
        self._theme = theme
        for name, plot in self.plots.items():
            paint_plot(plot, theme)
            plot.clear()
            self._lines[name] = []
            self._means[name] = plot.plot(pen=pg.mkPen(theme.ink, width=2))

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
            lines = self._lines[name]
            if len(lines) != len(shown):
                self.paint_in(self._theme)
                lines = self._lines[name]
                for colour in colours(np.linspace(0.1, 0.95, len(shown)), self._theme.sequential):
                    line = plot.plot(pen=pg.mkPen([*colour.tolist(), 150], width=1))
                    line.setZValue(-1)
                    lines.append(line)
            table = curves.table(name)
            for line, node in zip(lines, shown, strict=True):
                _set(line, steps, table[:, node])
            _set(self._means[name], steps, curves.mean(name))


def _set(line: object, steps: object, values: object) -> None:
    xs, ys = np.asarray(steps), np.asarray(values)
    good = np.isfinite(ys) & (ys > 0)
    getattr(line, "setData")(xs[good], ys[good])  # noqa: B009
