"""A calibration for people: a table of lines and a picture."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oscilab.calibration.calibrate import Result
from oscilab.figures.style import BLUE, FAINT, ORANGE, picture
from oscilab.wired.calibration import Calibration, Line
from oscilab.wired.wiring import family_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADINGS = ("channel", "target", "gain / design", "uncertainty", "offset mV", "uncertainty")
FAMILY_HEADINGS = (
    "lines", "number", "gain / design", "uncertainty", "offset mV", "uncertainty"
)  # fmt: skip
MOST_ROWS = 60
"""Lines up to which a table has one row each; all are in the calibration file."""
MOST_NAMES = 24
"""Lines whose names still fit under a picture."""


def family_rows(result: Result, design: Calibration) -> list[tuple[str, ...]]:
    """One row a family of measured lines, for a table under `FAMILY_HEADINGS`."""
    families: dict[str, list[tuple[str, Line]]] = {}
    for channel, line in result.calibration.lines.items():
        if line.gain_error:
            families.setdefault(family_of(line.target), []).append((channel, line))
    rows: list[tuple[str, ...]] = []
    for family, lines in families.items():
        gains = np.array([line.gain / design.lines[channel].gain for channel, line in lines])
        errors = np.array([abs(line.gain_error / line.gain) for _, line in lines])
        offsets = 1e3 * np.array([line.offset for _, line in lines])
        rows.append(
            (
                family,
                str(len(lines)),
                f"{gains.min():.4f} to {gains.max():.4f}",
                f"± {errors.max():.2g}",
                f"{offsets.min():.2f} to {offsets.max():.2f}",
                f"± {1e3 * max(line.offset_error for _, line in lines):.2g}",
            )
        )
    return rows


def line_rows(result: Result, design: Calibration) -> list[tuple[str, ...]]:
    """One row a measured line, for a table under `HEADINGS`."""
    rows: list[tuple[str, ...]] = []
    for channel, line in result.calibration.lines.items():
        if line.gain_error == 0:
            continue
        gain = design.lines[channel].gain
        rows.append(
            (
                channel,
                line.target,
                f"{line.gain / gain:.5f}",
                f"± {abs(line.gain_error / gain):.2g}",
                f"{1e3 * line.offset:.3f}",
                f"± {1e3 * line.offset_error:.2g}",
            )
        )
    return rows


def constant_rows(result: Result) -> list[tuple[str, str, str]]:
    """kT, mobility and the scales that follow, with uncertainties."""
    units, found = result.calibration.units, result.calibration
    if result.thermal is None:
        return []
    return [
        ("kT", f"{units.kT:.5g} J", f"± {found.kT_error / units.kT:.2%}"),
        (
            "mobility",
            f"{units.mobility:.5g} m/(N s)",
            f"± {found.mobility_error / units.mobility:.2%}",
        ),
        ("length", f"{units.length:.5g} m", ""),
        ("time", f"{units.time:.5g} s", ""),
    ]


def calibration_picture(result: Result, design: Calibration, path: Path, title: str) -> Path:
    """Gains and offsets of every measured line, with error bars of two standard errors.

    Raises:
        InvalidInput: a picture that cannot be written.
    """
    lines = {c: line for c, line in result.calibration.lines.items() if line.gain_error > 0}
    place = np.arange(len(lines))
    gains = np.array([line.gain / design.lines[c].gain for c, line in lines.items()])
    gain_errors = np.array([abs(line.gain_error / line.gain) for line in lines.values()])
    offsets = np.array([line.offset for line in lines.values()])
    offset_errors = np.array([line.offset_error for line in lines.values()])
    with picture(path, 6.4, 4.4) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for panel in (upper, lower):
            panel.axhline(0, color=FAINT, linewidth=0.8)
        few = len(lines) <= MOST_NAMES
        size = 3 if len(lines) <= MOST_ROWS else 1.2
        style = {"fmt": "o", "markersize": size, "elinewidth": size / 3, "capsize": 2 * few}
        upper.errorbar(place, 100 * (gains - 1), 200 * gain_errors, color=BLUE, **style)
        lower.errorbar(place, 1e3 * offsets, 2e3 * offset_errors, color=ORANGE, **style)
        upper.set(ylabel="gain off design (%)")
        lower.set(ylabel="offset (mV)")
        upper.set_title(f"{title} (bars: two standard errors)")
        if few:
            names = [line.target for line in lines.values()]
            lower.set_xticks(place, names, rotation=60, ha="right")
        else:
            _name_families(upper, lower, [family_of(line.target) for line in lines.values()])
    return path


def _name_families(upper: Axes, lower: Axes, families: list[str]) -> None:
    """Lines between families, in the order of the calibration file, and each one's name."""
    begins = [n for n in range(len(families)) if n == 0 or families[n] != families[n - 1]]
    ends = [*begins[1:], len(families)]
    for panel in (upper, lower):
        for begin in begins[1:]:
            panel.axvline(begin - 0.5, color=FAINT, linewidth=0.8)
    middles = [(begin + end - 1) / 2 for begin, end in zip(begins, ends, strict=True)]
    lower.set_xticks(middles, [families[begin] for begin in begins], rotation=60, ha="right")
