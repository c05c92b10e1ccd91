"""Panels that draw data: the array, its channels, samples, learning curves and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSlider

from oscilab.live.display import Colours, colours
from oscilab.live.model import Facts, RunModel
from oscilab.types import Float64Array
from oscilab.viewer.widgets import (
    CYCLE,
    Panel,
    Theme,
    choice,
    label,
    narrow,
    paint_plot,
    pg,
    plot_widget,
)

VIEWS = ("last point", "mean of batch", "rms of batch")
KEY_HEIGHT = 8.0
SHRINK = 0.9
"""A scale follows growing values at once and shrinking ones slowly, to avoid flicker."""


class HeatMaps(Panel):
    """One map for each quantity of a reading, all shown in the same way."""

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
        """Apply a theme's colours."""
        self._theme = theme
        self._canvas.setBackground(theme.plot)
        for each in self.maps.values():
            each.paint_in(theme)

    def draw(self, model: RunModel) -> None:
        """Draw the newest reading."""
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
    """A picture with its name and a colour bar."""

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
        """Apply a theme's colours."""
        self._theme = theme
        self._signed: bool | None = None

    def show(self, values: Float64Array, unsigned: bool) -> None:
        """Draw `values` `[row, column]`."""
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


AT_ONCE = 8
SPREADS = 6.0
"""The distance between two lines, in median deviations of their values."""


class TracesPanel(Panel):
    """Eight channels as lines above each other, or all of them as one picture."""

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
        # Subsample millions of readings to the available pixels.
        self._image: Any = pg.ImageItem(autoDownsample=True)
        self._lines: list[Any] = []
        self._theme: Theme | None = None

    def paint_in(self, theme: Theme) -> None:
        """Apply a theme's colours."""
        self._theme = theme
        paint_plot(self.plot, theme)
        self.plot.clear()
        self.plot.addItem(self._image)
        self._lines = [self.plot.plot(pen=pg.mkPen(CYCLE[k], width=1)) for k in range(AT_ONCE)]
        for line in self._lines:
            line.setSkipFiniteCheck(False)

    def page(self, by: int) -> None:
        """Show the next or previous eight channels."""
        self.first = max(0, self.first + by * AT_ONCE)

    def draw(self, model: RunModel) -> None:
        """Draw the last points."""
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


GUTTER = 1
FEW = 2
"""The most features of a sample that is shown as a point, not as a picture."""


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
        """Apply a theme's colours."""
        self._theme = theme
        paint_plot(self.plot, theme)

    def draw(self, model: RunModel) -> None:
        """Draw the newest samples."""
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


MOST_TICKS = 5
MOST_NODES = 12
"""The most curves in one plot; of more slices some are left out, but not the first or last."""


class CurvesPanel(Panel):
    """A thin line for each slice, coloured by its noising time, and a thick line for the mean."""

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
        """Apply a theme's colours."""
        self._theme = theme
        for name, plot in self.plots.items():
            paint_plot(plot, theme)
            self._begin(name, 0)

    def draw(self, model: RunModel) -> None:
        """Draw the curves."""
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
        """Replace the lines in a plot: `count` of slices, and their mean."""
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
    """Return positions and labels of a few round numbers between two powers of ten."""
    decades = range(int(np.floor(low)) - 1, int(np.ceil(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        numbers = [factor * 10.0**decade for decade in decades for factor in factors]
        found = [(float(np.log10(number)), f"{number:g}") for number in numbers]
        found = [tick for tick in found if low <= tick[0] <= high]
        if len(found) <= MOST_TICKS:
            return found
    every = -(-len(decades) // MOST_TICKS)
    return [(float(decade), f"{10.0**decade:g}") for decade in decades[::every]]


SHADES = 33
MOST_EDGES = 3000
"""The most edges to draw; of a denser topology the strongest are drawn."""
COUPLING = "coupling"


class TopologyPanel(Panel):
    """Edges as lines coloured by the coupling; sites as spots coloured by an on-site parameter."""

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
        self._lines = [pg.PlotCurveItem(connect="pairs") for _ in range(SHADES)]
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
        """Apply a theme's colours."""
        self._theme = theme
        self._canvas.setBackground(theme.plot)

    def move(self, by: int) -> None:  # type: ignore[override]
        """Show another slice than the current one of the run."""
        self.follow.setChecked(False)
        self.slider.setValue(self.slider.value() + by)

    def draw(self, model: RunModel) -> None:
        """Draw the slice."""
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
        bins = np.rint((0.5 + 0.5 * values / reach) * (SHADES - 1)).astype(int)
        table = self._table(SHADES)
        for number, line in enumerate(self._lines):
            places = self._places[ends[bins == number]].reshape(-1, 2)
            strength = abs(2 * number / (SHADES - 1) - 1)
            line.setData(places[:, 0], places[:, 1])
            line.setPen(pg.mkPen(table[number], width=1.0 + 2.0 * strength))
            line.setZValue(strength)
        return reach

    def _draw_spots(self, sites: NDArray[Any], values: NDArray[Any]) -> float:
        assert self._theme is not None
        reach = max(float(np.abs(values).max(initial=0.0)), 1e-9)
        bins = np.rint((0.5 + 0.5 * values / reach) * (SHADES - 1)).astype(int)
        brushes = [pg.mkBrush(colour) for colour in self._table(SHADES)]
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
