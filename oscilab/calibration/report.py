"""A calibration for people: a table of lines and a picture."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path

import numpy as np

from oscilab.calibration.calibrate import Result
from oscilab.figures.style import BLUE, FAINT, ORANGE, picture
from oscilab.wired.calibration import Calibration

HEADINGS = ("channel", "target", "gain / design", "uncertainty", "offset mV", "uncertainty")
MOST_NAMES = 24
"""Lines whose names still fit under a picture."""


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
        style = {"fmt": "o", "markersize": 3, "elinewidth": 0.9, "capsize": 2}
        upper.errorbar(place, 100 * (gains - 1), 200 * gain_errors, color=BLUE, **style)
        lower.errorbar(place, 1e3 * offsets, 2e3 * offset_errors, color=ORANGE, **style)
        upper.set(ylabel="gain off design (%)")
        lower.set(ylabel="offset (mV)")
        upper.set_title(f"{title} (bars: two standard errors)")
        if len(lines) <= MOST_NAMES:
            names = [line.target for line in lines.values()]
            lower.set_xticks(place, names, rotation=60, ha="right")
        else:
            lower.set_xlabel("line, in the order of the calibration file")
    return path
