"""Drive lines from the forces that they make: which are in order, and their gains and offsets.

Clamps say where each oscillator is and force sensors what it feels. With theta_p = a_p V_p + b_p,
the force on oscillator i is -sum_p (a_p V_p + b_p) d_i u_p(x): linear in the unknown a and b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oscilab.calibration.fit import Fit, Straight, inverted, least_squares
from oscilab.calibration.sweep import Sweep, features
from oscilab.physics import Potential

Array = NDArray[np.floating]
SIGNIFICANT = 6.0
"""Standard errors from which on a response is one: 2e-9 for normal noise."""
WEAK = 0.5
"""A line that answers less than this share of what was designed does not answer."""
LEAST_CROSSTALK = 1e-4
"""Of a line's own response, below which crosstalk is not worth a name."""


@dataclass(frozen=True, eq=False)
class Drives:
    """`lines` by parameter number, of those in order; faults by parameter number.

    `swapped` are pairs, `crosstalk` (from, to, share).
    """

    lines: dict[int, Straight]
    dead: list[int]
    stuck: dict[int, float]
    swapped: list[tuple[int, int]]
    crosstalk: list[tuple[int, int, float]]
    residual: float


def fit_drives(
    potential: Potential, sweep: Sweep, positions: Array, forces: Array, design: Array
) -> Drives:
    """Gains in volts a core unit.

    `positions` and `forces` `[point, oscillator]` are in core units, oscillators whose force sensor
    is broken NaN; `design` `[parameter]` are the gains that were meant.
    """
    count = potential.parameters
    entries = features(potential, positions)
    seen = [i for i in range(potential.oscillators) if np.isfinite(forces[:, i]).all()]
    readings = np.concatenate([forces[:, i] for i in seen])
    pairs = [(p, p) for p in range(count)]
    fit = _fit(entries, sweep.drives, pairs, seen, count, readings)
    answer, error = _answers(fit, design, range(count), len(pairs))
    silent = [p for p in range(count) if answer[p] < WEAK or answer[p] < SIGNIFICANT * error[p]]
    swapped: list[tuple[int, int]] = []
    if len(silent) > 1:
        crossed = [(p, q) for p in silent for q in silent if p != q]
        again = _fit(entries, sweep.drives, pairs + crossed, seen, count, readings)
        across, _ = _answers(again, design, [p for p, _ in crossed], len(pairs + crossed), count)
        strong = {pair for pair, share in zip(crossed, across, strict=True) if share > WEAK}
        swapped = [(p, q) for p, q in sorted(strong) if p < q and (q, p) in strong]
    # Swapped lines spoil the fit of all that share their oscillators: take them as they are.
    wired = [(p, _partner(p, swapped)) for p in range(count)]
    final = _fit(entries, sweep.drives, wired, seen, count, readings)
    answer, error = _answers(final, design, range(count), len(wired))
    silent = [p for p in range(count) if answer[p] < WEAK or answer[p] < SIGNIFICANT * error[p]]
    lines: dict[int, Straight] = {}
    dead: list[int] = []
    stuck: dict[int, float] = {}
    for p in range(count):
        block = np.ix_([p, count + p], [p, count + p])
        slope, constant = float(final.values[p]), float(final.values[count + p])
        covariance = final.covariance[block]
        if p in silent:
            volts = constant * design[p]
            if abs(constant) > SIGNIFICANT * np.sqrt(covariance[1, 1]) and abs(volts) > 0.05:
                stuck[p] = volts
            else:
                dead.append(p)
        else:
            lines[p] = inverted(slope, constant, covariance)
    healthy = not silent and not swapped
    crosstalk = _crosstalk(entries, sweep, seen, count, readings, final) if healthy else []
    return Drives(lines, dead, stuck, swapped, crosstalk, final.residual)


def _partner(parameter: int, swapped: list[tuple[int, int]]) -> int:
    for first, second in swapped:
        if parameter in (first, second):
            return second if parameter == first else first
    return parameter


def _fit(
    entries: list[tuple[int, int, Array]],
    volts: Array,
    pairs: list[tuple[int, int]],
    seen: list[int],
    count: int,
    readings: Array,
) -> Fit:
    """Unknowns: the slope of each (parameter, line) pair, then the constant of each parameter.

    With more pairs than parameters, the constants stand behind all slopes.
    """
    points = len(volts)
    place = {oscillator: number for number, oscillator in enumerate(seen)}
    matrix = np.zeros((len(seen) * points, len(pairs) + count))
    slopes: dict[int, list[tuple[int, int]]] = {}
    for column, (parameter, line) in enumerate(pairs):
        slopes.setdefault(parameter, []).append((column, line))
    for parameter, oscillator, feature in entries:
        if oscillator not in place:
            continue
        rows = slice(place[oscillator] * points, (place[oscillator] + 1) * points)
        for column, line in slopes.get(parameter, []):
            matrix[rows, column] -= feature * volts[:, line]
        matrix[rows, len(pairs) + parameter] -= feature
    return least_squares(matrix, readings)


def _answers(
    fit: Fit, design: Array, parameters: object, pairs: int, skip: int = 0
) -> tuple[Array, Array]:
    """Slopes and their errors as shares of the designed ones."""
    gains = design[list(parameters)]  # pyright: ignore
    errors = np.sqrt(np.diagonal(fit.covariance))
    return fit.values[skip:pairs] * gains, np.abs(errors[skip:pairs] * gains)


def _crosstalk(
    entries: list[tuple[int, int, Array]],
    sweep: Sweep,
    seen: list[int],
    count: int,
    readings: Array,
    fit: Fit,
) -> list[tuple[int, int, float]]:
    """What each line picks up of the two beside it, where that is certain and worth a name."""
    pairs = [(p, p) for p in range(count)]
    beside = [(p, q) for p in range(count) for q in (p - 1, p + 1) if 0 <= q < count]
    both = _fit(entries, sweep.drives, pairs + beside, seen, count, readings)
    errors = np.sqrt(np.diagonal(both.covariance))
    found: list[tuple[int, int, float]] = []
    for column, (parameter, line) in enumerate(beside, start=count):
        slope, error = float(both.values[column]), float(errors[column])
        share = slope / float(fit.values[parameter])
        if abs(slope) > SIGNIFICANT * error and abs(share) > LEAST_CROSSTALK:
            found.append((line, parameter, share))
    return found
