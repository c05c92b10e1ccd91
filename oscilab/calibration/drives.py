"""Drive lines from the forces that they make: which are in order, and their gains and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oscilab.calibration.balance import Balance, Pair
from oscilab.calibration.fit import MOST_UNKNOWNS, Fit, Straight, inverted
from oscilab.types import FloatArray

SIGNIFICANT = 6.0
"""Standard errors from which on a response is one: 2e-9 for normal noise."""
WEAK = 0.5
"""A line that answers less than this share of what was designed does not answer."""
LEAST_CROSSTALK = 1e-4
"""Of a line's own response, below which crosstalk is not worth a name."""
MOST_SILENT = 40
"""Silent lines among which swapped ones are looked for; more have another cause."""


@dataclass(frozen=True, eq=False)
class Drives:
    """`lines` by parameter number, of those in order; faults by parameter number.

    `swapped` are pairs, `crosstalk` (parameter, line, share of that line's volts), `pickups`
    (oscillator, neighbour, force a volt) what force sensors pick up of the inputs beside them.
    Neither is looked for where that takes `too_many` unknowns, which is 0 otherwise.
    """

    lines: dict[int, Straight]
    dead: list[int]
    stuck: dict[int, float]
    swapped: list[Pair]
    crosstalk: list[tuple[int, int, float]]
    pickups: list[tuple[int, int, float]]
    too_many: int
    residual: float


def fit_drives(balance: Balance, design: FloatArray, beside: Sequence[Pair]) -> Drives:
    """Gains in volts a core unit; `design` `[parameter]` are those that were meant.

    `beside` are the (parameter, line) between which crosstalk is looked for.

    Raises:
        InvalidInput: too many lines, or too few points.
    """
    count = balance.potential.parameters
    own = [(p, p) for p in range(count)]
    fit = balance.fit(own)
    silent = _silent(fit, balance, design)
    swapped = _swapped(balance, design, own, silent)
    # Swapped lines spoil the fit of all that share their oscillators: take them as they are.
    if swapped:
        fit = balance.fit([(p, _partner(p, swapped)) for p in range(count)])
        silent = _silent(fit, balance, design)
    crosstalk: list[tuple[int, int, float]] = []
    pickups: list[tuple[int, int, float]] = []
    constants = len(own)
    unknowns = len(own) + len(beside) + count + len(balance.pickups)
    too_many = unknowns if unknowns > MOST_UNKNOWNS else 0
    if not silent and not swapped and not too_many:
        # Whatever is picked up has a mean, which would pass for an offset.
        constants += len(beside)
        fit = balance.fit([*own, *beside], pickups=True)
        crosstalk = _crosstalk(beside, fit, len(own))
        pickups = _pickups(balance, fit, constants + count)
    lines: dict[int, Straight] = {}
    dead: list[int] = []
    stuck: dict[int, float] = {}
    for p in balance.judged:
        slope, constant = float(fit.values[p]), float(fit.values[constants + p])
        covariance = fit.covariance[np.ix_([p, constants + p], [p, constants + p])]
        if p in silent:
            volts = constant * design[p]
            if abs(constant) > SIGNIFICANT * np.sqrt(covariance[1, 1]) and abs(volts) > 0.05:
                stuck[p] = volts
            else:
                dead.append(p)
        else:
            lines[p] = inverted(slope, constant, covariance)
    return Drives(lines, dead, stuck, swapped, crosstalk, pickups, too_many, fit.residual)


def _silent(fit: Fit, balance: Balance, design: FloatArray) -> list[int]:
    answer, error = _answers(fit, design, range(len(design)), 0)
    return [p for p in balance.judged if answer[p] < WEAK or answer[p] < SIGNIFICANT * error[p]]


def _swapped(
    balance: Balance, design: FloatArray, own: list[Pair], silent: list[int]
) -> list[Pair]:
    if not 1 < len(silent) <= MOST_SILENT:
        return []
    crossed = [(p, q) for p in silent for q in silent if p != q]
    fit = balance.fit(own + crossed)
    across, _ = _answers(fit, design, [p for p, _ in crossed], len(own))
    strong = {pair for pair, share in zip(crossed, across, strict=True) if share > WEAK}
    return [(p, q) for p, q in sorted(strong) if p < q and (q, p) in strong]


def _partner(parameter: int, swapped: list[Pair]) -> int:
    for first, second in swapped:
        if parameter in (first, second):
            return second if parameter == first else first
    return parameter


def _answers(
    fit: Fit, design: FloatArray, parameters: Sequence[int], first: int
) -> tuple[FloatArray, FloatArray]:
    """Slopes from column `first` on, of `parameters`, and errors, as shares of those designed."""
    columns = slice(first, first + len(parameters))
    gains = design[list(parameters)]
    errors = np.sqrt(np.diagonal(fit.covariance)[columns])
    return fit.values[columns] * gains, np.abs(errors * gains)


def _crosstalk(beside: Sequence[Pair], fit: Fit, first: int) -> list[tuple[int, int, float]]:
    """What lines pick up of those beside them, where that is certain and worth a name."""
    errors = np.sqrt(np.diagonal(fit.covariance))
    found: list[tuple[int, int, float]] = []
    for column, (parameter, line) in enumerate(beside, start=first):
        slope, error = float(fit.values[column]), float(errors[column])
        share = slope / float(fit.values[parameter])
        if abs(slope) > SIGNIFICANT * error and abs(share) > LEAST_CROSSTALK:
            found.append((parameter, line, share))
    return found


def _pickups(balance: Balance, fit: Fit, first: int) -> list[tuple[int, int, float]]:
    errors = np.sqrt(np.diagonal(fit.covariance))
    return [
        (oscillator, neighbour, float(fit.values[column]))
        for column, (oscillator, neighbour) in enumerate(balance.pickups, start=first)
        if abs(fit.values[column]) > SIGNIFICANT * errors[column]
    ]
