"""The window: all panels, redrawn when the run changes, and the keyboard."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QGridLayout, QMainWindow, QVBoxLayout, QWidget

from oscilab.live.model import RunModel
from oscilab.live.session import Session
from oscilab.viewer.data_panels import (
    CurvesPanel,
    HeatMaps,
    SamplesPanel,
    TopologyPanel,
    TracesPanel,
)
from oscilab.viewer.run_panels import Controls, StatusPanel
from oscilab.viewer.widgets import DARK, LIGHT, Theme, style_sheet

POLL_MS = 50
SIZE = (1350, 700)
"""Fits a screen of 1366 x 768 with task bar and window title."""
SIDE = 258
EVERY_S = {"curves": 0.5, "topology": 0.5, "state": 0.25}
"""The intervals of redrawing panels that change slowly or are slow to draw."""


class Drawn(Protocol):
    """A panel of the window."""

    def paint_in(self, theme: Theme) -> None:
        """Apply a theme's colours."""
        ...

    def draw(self, model: RunModel) -> None:
        """Draw the current state."""
        ...


class ViewWindow(QMainWindow):
    """Shows one run; closing the window does not affect the run."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self.session = session
        self.theme = theme
        self.frames = 0
        self.exported: Path | None = None
        self.controls, self.status = Controls(), StatusPanel()
        self.maps, self.curves = HeatMaps(), CurvesPanel()
        self.topology, self.traces, self.samples = TopologyPanel(), TracesPanel(), SamplesPanel()
        self._add_panels()
        self._bind_keys()
        self.controls.asked.connect(self.session.try_to)
        self.topology.slider.valueChanged.connect(lambda: self._drop("topology"))
        for list_ in (self.topology.sites, self.maps.view, self.traces.mode, self.traces.quantity):
            list_.activated.connect(self.redraw)
        self._drawn: dict[str, float] = {}
        self._pending: set[str] = set()
        self._panels: dict[str, tuple[Drawn, set[str]]] = {
            "maps": (self.maps, {"facts", "reading"}),
            "traces": (self.traces, {"facts", "reading"}),
            "samples": (self.samples, {"facts", "samples"}),
            "curves": (self.curves, {"facts", "batches"}),
            "topology": (self.topology, {"facts", "reading", "protocol"}),
        }
        self.use(theme)
        self.setWindowTitle(f"oscilab: {session.path.name}")
        self.resize(*SIZE)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.step)
        self._timer.start(POLL_MS)

    def step(self) -> None:
        """Process new messages, and redraw what changed."""
        self.session.poll()
        model = self.session.model
        changed, model.changed = model.changed, set()
        self.frames += "reading" in changed
        for name, (panel, kinds) in self._panels.items():
            if changed & kinds:
                self._pending.add(name)
            if name in self._pending and self._is_due(name):
                self._pending.discard(name)
                self._mark(name)
                panel.draw(model)
        if self._is_due("state"):
            self._mark("state")
            self.controls.draw(self.session)
            self.status.draw(self.session)

    def redraw(self) -> None:
        """Redraw everything, for example after a change of theme."""
        self._pending |= set(self._panels)
        self._drawn.clear()
        self.step()

    def use(self, theme: Theme) -> None:
        """Apply a theme."""
        self.theme = theme
        self.setStyleSheet(style_sheet(theme))
        self.controls.paint_in(theme)
        for panel, _ in self._panels.values():
            panel.paint_in(theme)
        self.redraw()

    def export(self) -> None:
        """Save a picture of the window beside the run."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = self.session.path.with_suffix(f".view-{stamp}.png")
        if self.grab().save(str(path)):
            self.exported = path
            self.session.said = f"saved {path.name}"
        else:
            self.session.said = f"{path} cannot be written"
        self._drawn.pop("state", None)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the session."""
        self._timer.stop()
        self.session.close()
        super().closeEvent(event)

    def _add_panels(self) -> None:
        centre = QWidget()
        centre.setObjectName("window")
        outer = QVBoxLayout(centre)
        outer.setContentsMargins(6, 6, 6, 6)
        outer.setSpacing(6)
        outer.addWidget(self.controls)
        grid = QGridLayout()
        grid.setSpacing(6)
        grid.addWidget(self.maps, 0, 0, 1, 2)
        grid.addWidget(self.curves, 0, 2)
        grid.addWidget(self.topology, 1, 0)
        grid.addWidget(self.traces, 1, 1)
        grid.addWidget(self.samples, 1, 2)
        grid.addWidget(self.status, 0, 3, 2, 1)
        self.status.setFixedWidth(SIDE)
        for column in range(3):
            grid.setColumnStretch(column, 1)
        grid.setRowStretch(0, 1)
        grid.setRowStretch(1, 1)
        outer.addLayout(grid, 1)
        self.setCentralWidget(centre)

    def _bind_keys(self) -> None:
        keys = {
            "Space": self.controls.toggle,
            "F12": lambda: self.controls.asked.emit("safe"),
            "Left": lambda: self.topology.move(-1),
            "Right": lambda: self.topology.move(1),
            "F": lambda: self.topology.follow.setChecked(True),
            "Up": lambda: self._page(-1),
            "Down": lambda: self._page(1),
            "A": lambda: self._next(self.traces.mode),
            "V": lambda: self._next(self.maps.view),
            "T": lambda: self.use(DARK if self.theme is LIGHT else LIGHT),
            "E": self.export,
            "F11": self._full_screen,
            "Ctrl+Q": self.close,
        }
        for key, action in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setAutoRepeat(key in ("Left", "Right", "Up", "Down"))
            shortcut.activated.connect(action)

    def _page(self, by: int) -> None:
        self.traces.page(by)
        self.redraw()

    def _next(self, choices: QComboBox) -> None:
        choices.setCurrentIndex((choices.currentIndex() + 1) % choices.count())
        self.redraw()

    def _full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def _is_due(self, panel: str) -> bool:
        return time.monotonic() - self._drawn.get(panel, -1e9) >= EVERY_S.get(panel, 0.0)

    def _mark(self, panel: str) -> None:
        self._drawn[panel] = time.monotonic()

    def _drop(self, panel: str) -> None:
        self._drawn.pop(panel, None)
        self._pending.add(panel)
