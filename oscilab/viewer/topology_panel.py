"""The parameters of one slice, laid over the topology."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSlider

from oscilab.live.model import Facts, RunModel
from oscilab.live.palette import Colours, colours
from oscilab.viewer.panel import Panel, choice, label, narrow
from oscilab.viewer.qt import pg
from oscilab.viewer.theme import Theme

BINS = 33
MOST_EDGES = 3000
"""More lines nobody can tell apart: of a denser topology the strongest are drawn."""
COUPLING = "coupling"


class TopologyPanel(Panel):
    """Edges are lines whose colour is the coupling; spots are coloured by an on-site parameter."""

    def __init__(self) -> None:
        super().__init__("Parameters")
        self.sites = choice([])
        self.bar.addWidget(label("spots:", "faint"))
        self.bar.addWidget(self.sites)
        self._canvas: Any = pg.GraphicsLayoutWidget()
        self._canvas.setMinimumSize(100, 80)
        self._box = self._canvas.addViewBox(enableMenu=False)
        self._box.setAspectLocked(True)
        self._box.invertY(True)
        self._lines = [pg.PlotCurveItem(connect="pairs") for _ in range(BINS)]
        for line in self._lines:
            self._box.addItem(line)
        self._spots = pg.ScatterPlotItem(pxMode=True)
        self._box.addItem(self._spots)
        self.body.addWidget(self._canvas, 1)
        self._legend = narrow(label("", "faint"))
        self.body.addWidget(self._legend)
        row = QHBoxLayout()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.sliderMoved.connect(self._chosen)
        self.follow = QCheckBox("follow")
        self.follow.setChecked(True)
        self.follow.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row.addWidget(label("slice", "faint"))
        row.addWidget(self.slider, 1)
        row.addWidget(self.follow)
        self.body.addLayout(row)
        self._theme: Theme | None = None
        self._facts: Facts | None = None

    def paint_in(self, theme: Theme) -> None:
        """Take on a theme's colours."""
        self._theme = theme
        self._canvas.setBackground(theme.plot)

    def move(self, by: int) -> None:  # type: ignore[override]
        """Another slice than the one that the run is at."""
        self.follow.setChecked(False)
        self.slider.setValue(self.slider.value() + by)

    def draw(self, model: RunModel) -> None:
        """Show the slice."""
        if model.facts is None or self._theme is None:
            return
        if model.facts is not self._facts:
            self._learn(model.facts)
        facts = model.facts
        if self.follow.isChecked():
            self.slider.setValue(model.node)
        node = self.slider.value()
        parameters = model.parameters.get(node)
        time = f", t = {facts.nodes[node]:.3g}" if node < len(facts.nodes) else ""
        self.title.setText(f"Parameters, slice {node}{time}")
        if parameters is None or len(parameters) != len(facts.ends):
            self._legend.setText("this slice was not seen yet")
            return
        parts: list[str] = []
        coupling = facts.family(COUPLING)
        if coupling is not None and coupling.stop > coupling.start:
            reach = self._draw_edges(facts.ends[coupling, :2], parameters[coupling])
            parts.append(f"coupling ±{reach:.3g}")
        name = self.sites.currentText()
        family = facts.family(name)
        if family is not None:
            reach = self._draw_spots(facts.ends[family, 0], parameters[family])
            parts.append(f"{name} ±{reach:.3g}")
        self._legend.setText(f"{', '.join(parts)}   (blue -, orange +)")

    def _chosen(self) -> None:
        self.follow.setChecked(False)

    def _learn(self, facts: Facts) -> None:
        self._facts = facts
        rows, columns = np.divmod(np.arange(facts.oscillators), facts.layout[1])
        self._places = np.stack([columns, rows], axis=1).astype(np.float64)
        self.slider.setRange(0, max(0, len(facts.nodes) - 1))
        chosen = self.sites.currentText()
        names = [name for name, a, b in facts.families if 0 < b - a == facts.oscillators]
        single = (facts.ends[:, 1] < 0) & (facts.ends[:, 0] >= 0)
        names = [name for name in names if single[facts.family(name)].all()]
        self.sites.clear()
        self.sites.addItems(names)
        if chosen in names:
            self.sites.setCurrentText(chosen)
        high, wide = facts.layout
        self._box.setRange(xRange=(-0.6, wide - 0.4), yRange=(-0.6, high - 0.4), padding=0.02)
        for line in self._lines:
            line.setData([], [])
        self._spots.setData([], [])

    def _draw_edges(self, ends: NDArray[Any], values: NDArray[Any]) -> float:
        assert self._theme is not None
        if len(values) > MOST_EDGES:
            strongest = np.argpartition(np.abs(values), -MOST_EDGES)[-MOST_EDGES:]
            ends, values = ends[strongest], values[strongest]
        reach = max(float(np.abs(values).max(initial=0.0)), 1e-9)
        bins = np.rint((0.5 + 0.5 * values / reach) * (BINS - 1)).astype(int)
        table = self._table(BINS)
        for number, line in enumerate(self._lines):
            places = self._places[ends[bins == number]].reshape(-1, 2)
            strength = abs(2 * number / (BINS - 1) - 1)
            line.setData(places[:, 0], places[:, 1])
            line.setPen(pg.mkPen(table[number], width=1.0 + 2.0 * strength))
            line.setZValue(strength)
        return reach

    def _draw_spots(self, sites: NDArray[Any], values: NDArray[Any]) -> float:
        assert self._theme is not None
        reach = max(float(np.abs(values).max(initial=0.0)), 1e-9)
        bins = np.rint((0.5 + 0.5 * values / reach) * (BINS - 1)).astype(int)
        brushes = [pg.mkBrush(colour) for colour in self._table(BINS)]
        room = min(self._canvas.width() / self._facts_columns, 22.0)
        self._spots.setData(
            pos=self._places[sites],
            brush=[brushes[number] for number in bins],
            pen=pg.mkPen(self._theme.faint, width=0.8),
            size=max(4.0, 0.55 * room),
        )
        self._spots.setZValue(2)
        return reach

    @property
    def _facts_columns(self) -> int:
        return max(self._facts.layout) if self._facts else 1

    def _table(self, count: int) -> Colours:
        assert self._theme is not None
        return colours(np.linspace(0, 1, count), self._theme.diverging)
