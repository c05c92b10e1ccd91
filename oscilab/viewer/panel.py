"""A frame with a title, which every panel is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout

from oscilab.viewer.qt import pg
from oscilab.viewer.theme import Theme


class Panel(QFrame):
    """A titled frame; `bar` is the line of its title, `body` what lies under it."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.bar = QHBoxLayout()
        self.bar.setContentsMargins(0, 0, 0, 0)
        self.title = narrow(label(title, "title"))
        self.bar.addWidget(self.title, 1)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(8, 5, 8, 6)
        self.body.setSpacing(3)
        self.body.addLayout(self.bar)

    def paint_in(self, theme: Theme) -> None:
        """Take on a theme's colours."""


def label(text: str = "", kind: str = "") -> QLabel:
    """A line of text; texts come from runs, so that none is taken for markup."""
    found = QLabel(text)
    found.setTextFormat(Qt.TextFormat.PlainText)
    found.setObjectName(kind)
    return found


def narrow(given: QLabel) -> QLabel:
    """A line of text that is cut where there is no room, and never widens the window."""
    given.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return given


def choice(names: Sequence[str]) -> QComboBox:
    """A small list to choose from, which leaves the keyboard to the window."""
    found = QComboBox()
    found.addItems(list(names))
    found.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return found


def plot_widget() -> Any:
    """A plot without menus or buttons: a window for looking at, that nobody gets lost in."""
    found = pg.PlotWidget()
    found.setMinimumSize(60, 40)
    item = found.getPlotItem()
    item.hideButtons()
    item.setMenuEnabled(False)
    return found


def paint_plot(widget: Any, theme: Theme) -> None:
    """Background, axes and grid of a plot in a theme's colours."""
    widget.setBackground(theme.plot)
    for side in ("left", "bottom"):
        axis = widget.getPlotItem().getAxis(side)
        axis.setPen(pg.mkPen(theme.line))
        axis.setTextPen(pg.mkPen(theme.faint))
