"""The report of a calibration: tables of lines and constants, and a picture."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oscilab.calibration.calibrate import Result
from oscilab.figures.style import BLUE, FAINT, ORANGE, picture
from oscilab.wired.calibration import Calibration
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


@dataclass(frozen=True)
class MeasuredLine:
    """One measured line: its gain over the one designed, its offset in mV, and standard errors."""

    channel: str
    target: str
    gain: float
    gain_error: float
    offset: float
    offset_error: float


def measured_lines(result: Result, design: Calibration) -> list[MeasuredLine]:
    """Return the lines that were measured, in the order of the calibration file."""
    return [
        MeasuredLine(
            channel,
            line.target,
            line.gain / design.lines[channel].gain,
            abs(line.gain_error / design.lines[channel].gain),
            1e3 * line.offset,
            1e3 * line.offset_error,
        )
        for channel, line in result.calibration.lines.items()
        if line.gain_error
    ]


def line_rows(lines: Sequence[MeasuredLine]) -> list[tuple[str, ...]]:
    """Return one row a line, for a table under `HEADINGS`."""
    return [
        (
            line.channel,
            line.target,
            f"{line.gain:.5f}",
            f"± {line.gain_error:.2g}",
            f"{line.offset:.3f}",
            f"± {line.offset_error:.2g}",
        )
        for line in lines
    ]


def family_rows(lines: Sequence[MeasuredLine]) -> list[tuple[str, ...]]:
    """Return one row a family of lines, for a table under `FAMILY_HEADINGS`."""
    families: dict[str, list[MeasuredLine]] = {}
    for line in lines:
        families.setdefault(family_of(line.target), []).append(line)
    return [
        (
            family,
            str(len(members)),
            f"{min(line.gain for line in members):.4f} to {max(line.gain for line in members):.4f}",
            f"± {max(line.gain_error for line in members):.2g}",
            f"{min(line.offset for line in members):.2f} to "
            f"{max(line.offset for line in members):.2f}",
            f"± {max(line.offset_error for line in members):.2g}",
        )
        for family, members in families.items()
    ]


def constant_rows(result: Result) -> list[tuple[str, str, str]]:
    """Return kT, mobility and the scales that follow from them, with uncertainties."""
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


def calibration_picture(lines: Sequence[MeasuredLine], path: Path, title: str) -> Path:
    """Draw gains and offsets of the measured lines, with error bars of two standard errors.

    Raises:
        InvalidInput: a picture that cannot be written.
    """
    place = np.arange(len(lines))
    gains, gain_errors = np.array([(line.gain, line.gain_error) for line in lines]).T
    offsets, offset_errors = np.array([(line.offset, line.offset_error) for line in lines]).T
    with picture(path, 6.4, 4.4) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for panel in (upper, lower):
            panel.axhline(0, color=FAINT, linewidth=0.8)
        few = len(lines) <= MOST_NAMES
        size = 3 if len(lines) <= MOST_ROWS else 1.2
        style = {"fmt": "o", "markersize": size, "elinewidth": size / 3, "capsize": 2 * few}
        upper.errorbar(place, 100 * (gains - 1), 200 * gain_errors, color=BLUE, **style)
        lower.errorbar(place, offsets, 2 * offset_errors, color=ORANGE, **style)
        upper.set(ylabel="gain off design (%)")
        lower.set(ylabel="offset (mV)")
        upper.set_title(f"{title} (bars: two standard errors)")
        if few:
            names = [line.target for line in lines]
            lower.set_xticks(place, names, rotation=60, ha="right")
        else:
            _name_families(upper, lower, [family_of(line.target) for line in lines])
    return path


def _name_families(upper: Axes, lower: Axes, families: list[str]) -> None:
    """Separate the families, in the order of the calibration file, and write their names."""
    begins = [n for n in range(len(families)) if n == 0 or families[n] != families[n - 1]]
    ends = [*begins[1:], len(families)]
    for panel in (upper, lower):
        for begin in begins[1:]:
            panel.axvline(begin - 0.5, color=FAINT, linewidth=0.8)
    middles = [(begin + end - 1) / 2 for begin, end in zip(begins, ends, strict=True)]
    lower.set_xticks(middles, [families[begin] for begin in begins], rotation=60, ha="right")
