"""A light and a dark theme: colours that differ for colour-blind readers in both."""

from __future__ import annotations

from dataclasses import dataclass

from oscilab.live.palette import DIVERGING, DIVERGING_DARK, SEQUENTIAL, Colours

# Okabe and Ito's hues, the ones that show on both backgrounds.
CYCLE = ("#2A8FD0", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F", "#B2A100")
ALARM = "#C84B00"


@dataclass(frozen=True)
class Theme:
    """Colours of a window, and the maps for values with and without a sign."""

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
    """Qt's style sheet of a theme."""
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
