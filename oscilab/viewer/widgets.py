"""Parts of all panels: the setup of Qt and pyqtgraph, two themes, and a titled frame.

pyqtgraph has no type hints, so it is `Any` here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout

from oscilab.live.display import DIVERGING, DIVERGING_DARK, SEQUENTIAL, Colours

# Another Qt binding may be installed; two in one process do not work.
os.environ["PYQTGRAPH_QT_LIB"] = "PySide6"

import pyqtgraph  # pyright: ignore[reportMissingTypeStubs]

pg: Any = pyqtgraph
pg.setConfigOptions(imageAxisOrder="row-major", antialias=False, useOpenGL=False)


# Okabe and Ito's hues that are visible on both backgrounds.
CYCLE = ("#2A8FD0", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F", "#B2A100")
ALARM = "#C84B00"


@dataclass(frozen=True)
class Theme:
    """Colours of a window, and colour maps for signed and unsigned values."""

    name: str
    window: str
    panel: str
    plot: str
    ink: str
    faint: str
    line: str
    diverging: Colours
    sequential: Colours
    paper: tuple[str, str]
    good: str
    wait: str
    bad: str


LIGHT = Theme(
    "light", "#eceef1", "#ffffff", "#ffffff", "#1d2126", "#626a75", "#c9ced6",
    DIVERGING, SEQUENTIAL, ("#ffffff", "#101010"),
    "#0072B2", "#9a6a00", "#C84B00",
)  # fmt: skip
DARK = Theme(
    "dark", "#14171b", "#1d2126", "#1d2126", "#e6e9ee", "#98a1ad", "#3a414b",
    DIVERGING_DARK, SEQUENTIAL, ("#0c0e11", "#f2f2f2"),
    "#56B4E9", "#E69F00", "#ff7a33",
)  # fmt: skip


def style_sheet(theme: Theme) -> str:
    """Return Qt's style sheet for a theme."""
    return f"""
    QMainWindow, QWidget#window {{ background: {theme.window}; }}
    QFrame#panel {{ background: {theme.panel}; border: 1px solid {theme.line};
        border-radius: 4px; }}
    QLabel, QCheckBox {{ color: {theme.ink}; background: transparent; font-size: 12px; }}
    QLabel#title {{ color: {theme.ink}; font-size: 12px; font-weight: 600; }}
    QLabel#faint {{ color: {theme.faint}; font-size: 11px; }}
    QLabel#run {{ font-size: 13px; font-weight: 600; }}
    QLabel#state {{ font-size: 15px; font-weight: 600; }}
    QLabel#bad {{ color: {theme.bad}; font-weight: 700; }}
    QProgressBar {{ border: 1px solid {theme.line}; border-radius: 3px; background: {theme.panel};
        color: {theme.ink}; text-align: center; font-size: 11px; max-height: 16px; }}
    QProgressBar::chunk {{ background: {"#8fc1e3" if theme.name == "light" else "#1f5c87"}; }}
    QPushButton {{ color: {theme.ink}; background: {theme.panel}; border: 1px solid {theme.faint};
        border-radius: 4px; padding: 6px 14px; font-size: 13px; }}
    QPushButton:hover {{ border-color: {theme.good}; }}
    QPushButton:disabled {{ color: {theme.faint}; border-color: {theme.line}; }}
    QPushButton#safe {{ color: #ffffff; background: {ALARM}; border: 2px solid {ALARM};
        font-size: 17px; font-weight: 700; padding: 10px 22px; }}
    QPushButton#safe:hover {{ background: #a63d00; }}
    QPushButton#safe:disabled {{ color: {theme.faint}; background: {theme.panel};
        border-color: {theme.line}; }}
    QComboBox {{ color: {theme.ink}; background: {theme.panel}; border: 1px solid {theme.line};
        border-radius: 3px; padding: 1px 6px; font-size: 11px; }}
    QComboBox QAbstractItemView {{ color: {theme.ink}; background: {theme.panel};
        selection-background-color: {theme.good}; }}
    """


class Panel(QFrame):
    """A titled frame; `bar` is the line of the title, `body` the part below it."""

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
        """Apply a theme's colours."""


def label(text: str = "", kind: str = "") -> QLabel:
    """Return a label of plain text; texts from runs must not be taken for markup."""
    found = QLabel(text)
    found.setTextFormat(Qt.TextFormat.PlainText)
    found.setObjectName(kind)
    return found


def narrow(given: QLabel) -> QLabel:
    """Make a label truncate its text instead of widening the window."""
    given.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return given


def choice(names: Sequence[str]) -> QComboBox:
    """Return a small list of choices that does not take the keyboard focus."""
    found = QComboBox()
    found.addItems(list(names))
    found.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return found


def plot_widget() -> Any:
    """Return a plot without menus and buttons."""
    found = pg.PlotWidget()
    found.setMinimumSize(60, 40)
    item = found.getPlotItem()
    item.hideButtons()
    item.setMenuEnabled(False)
    return found


def paint_plot(widget: Any, theme: Theme) -> None:
    """Set background and axes of a plot to a theme's colours."""
    widget.setBackground(theme.plot)
    for side in ("left", "bottom"):
        axis = widget.getPlotItem().getAxis(side)
        axis.setPen(pg.mkPen(theme.line))
        axis.setTextPen(pg.mkPen(theme.faint))
