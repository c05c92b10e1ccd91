"""Positions, forces and residuals of the whole array, as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from oscilab.live.model import RunModel
from oscilab.live.palette import colours
from oscilab.types import Float64Array
from oscilab.viewer.panel import Panel, choice
from oscilab.viewer.qt import pg
from oscilab.viewer.theme import Theme

VIEWS = ("last point", "mean of batch", "rms of batch")
KEY_HEIGHT = 8.0
SHRINK = 0.9
"""A scale follows growing values at once and shrinking ones slowly, or colours would flicker."""


class HeatMaps(Panel):
    """One map for each quantity that a reading has, all seen in the same way."""

    def __init__(self) -> None:
        super().__init__("Array")
        self.view = choice(VIEWS)
        self.bar.addWidget(self.view)
        self._canvas: Any = pg.GraphicsLayoutWidget()
        self._canvas.setMinimumSize(200, 100)
        self._canvas.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self._canvas, 1)
        self.maps: dict[str, _Map] = {}
        self._theme: Theme | None = None

    def paint_in(self, theme: Theme) -> None:
        """Take on a theme's colours."""
        self._theme = theme
        self._canvas.setBackground(theme.plot)
        for each in self.maps.values():
            each.paint_in(theme)

    def draw(self, model: RunModel) -> None:
        """Show the newest reading."""
        facts = model.facts
        if facts is None or not model.reading or self._theme is None:
            return
        names = _shown(model)
        if list(self.maps) != names:
            self._canvas.clear()
            self.maps = {
                name: _Map(self._canvas, column, name, self._theme)
                for column, name in enumerate(names)
            }
        for name, each in self.maps.items():
            values = np.asarray(model.reading[name], np.float64)
            if values.shape[1] == facts.oscillators:
                each.show(self._seen(values).reshape(facts.layout), self.view.currentIndex() == 2)
        nodes = facts.nodes
        time = f", noising time {nodes[model.node]:.3g}" if model.node < len(nodes) else ""
        self.title.setText(f"Array: step {model.step + 1}, slice {model.node}{time}")

    def _seen(self, values: Float64Array) -> Float64Array:
        how = self.view.currentIndex()
        if how == 0:
            return values[-1]
        return values.mean(axis=0) if how == 1 else np.sqrt((values**2).mean(axis=0))


def _shown(model: RunModel) -> list[str]:
    wanted = ("positions", "forces", "ends", "residuals")
    return [name for name in wanted if name in model.reading]


class _Map:
    """A picture, its name, and a bar that says what its colours mean."""

    def __init__(self, canvas: Any, column: int, name: str, theme: Theme) -> None:
        self._name = name
        self._reach = 0.0
        self._plot = canvas.addPlot(row=0, col=column)
        for side in ("left", "bottom"):
            self._plot.hideAxis(side)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setMouseEnabled(False, False)
        self._box = self._plot.getViewBox()
        self._box.setAspectLocked(True)
        self._box.invertY(True)
        self._image = pg.ImageItem()
        self._plot.addItem(self._image)
        self._legend = canvas.addLabel("", row=1, col=column)
        self._key = canvas.addViewBox(row=2, col=column, enableMouse=False, enableMenu=False)
        canvas.ci.layout.setRowFixedHeight(2, KEY_HEIGHT)
        self._strip = pg.ImageItem()
        self._key.addItem(self._strip)
        self.shape: tuple[int, ...] = ()
        self.paint_in(theme)

    def paint_in(self, theme: Theme) -> None:
        """Take on a theme's colours."""
        self._theme = theme
        self._signed: bool | None = None

    def show(self, values: Float64Array, unsigned: bool) -> None:
        """`values` `[row, column]`."""
        reach = float(np.nanmax(np.abs(values), initial=0.0))
        self._reach = max(reach, SHRINK * self._reach, 1e-9)
        place = values / self._reach if unsigned else 0.5 + 0.5 * values / self._reach
        table = self._theme.sequential if unsigned else self._theme.diverging
        self._image.setImage(colours(place, table), autoLevels=False)
        if values.shape != self.shape:
            self.shape = values.shape
            self._box.autoRange(padding=0.03)
        low = "0" if unsigned else f"-{self._reach:.3g}"
        text = f"{self._name.replace('ends', 'after release')}: {low} to {self._reach:.3g}"
        self._legend.setText(text, color=self._theme.ink, size="9pt")
        if self._signed != (not unsigned):
            self._signed = not unsigned
            self._strip.setImage(table[np.newaxis], autoLevels=False)
            self._key.autoRange(padding=0)
