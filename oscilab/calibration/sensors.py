"""Position sensors from the clamps that they follow, and what clamps pick up of other lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from oscilab.calibration.fit import Straight, least_squares
from oscilab.types import FloatArray

SAME = 0.9
"""Correlation from which on a sensor follows a clamp."""
STUCK_V = 0.05
"""A sensor that shows no more than this, whatever is done, is dead and not stuck."""
SIGNIFICANT = 6.0
LEAST_CROSSTALK = 1e-4


@dataclass(frozen=True, eq=False)
class Sensors:
    """`lines` by oscillator, of sensors in order, and faults in sentences.

    `crosstalk` are (oscillator, line, share): its position follows `line` by that share of its own
    clamp's volts, whether its clamp does or its sensor only seems to.
    """

    lines: dict[int, Straight]
    faults: list[str]
    crosstalk: list[tuple[int, int, float]]


def fit_sensors(
    quantity: FloatArray,
    volts: FloatArray,
    everything: FloatArray,
    beside: Sequence[Sequence[int]],
    sensed: Sequence[FloatArray],
    channels: Sequence[str],
) -> Sensors:
    """Sensor `volts` `[point, oscillator]` by the clamps' `quantity` `[point, oscillator]`.

    `everything` `[point, line]` are the volts of all lines driven; `beside` `[oscillator]` those
    next to its clamp, `sensed` `[oscillator]` the volts `[point, neighbour]` of inputs next to its
    sensor that show other things than positions.
    """
    found = Sensors({}, [], [])
    follows: dict[int, int] = {}
    centred = quantity - quantity.mean(axis=0)
    for site, channel in enumerate(channels):
        shown = volts[:, site] - volts[:, site].mean()
        power = np.sqrt((shown @ shown) * np.einsum("pi,pi->i", centred, centred))
        share = np.abs(shown @ centred) / np.maximum(power, np.finfo(float).tiny)
        best = int(np.argmax(share))
        if share[best] < SAME:
            level = float(volts[:, site].mean())
            what = f"is stuck at {level:.3g} V" if abs(level) > STUCK_V else "is dead"
            found.faults.append(f"{channel} (position[{site}]) {what}")
            continue
        follows[site] = best
        lines = list(beside[best])
        others = np.column_stack([everything[:, lines], sensed[site]])
        line, shares = _line(quantity[:, best], others, volts[:, site])
        # What the neighbour's reading has of this one comes back with it, to second order.
        back = sum((value * line.gain) ** 2 for value in shares[len(lines) :])
        error = float(np.hypot(line.gain_error, abs(line.gain) * back))
        found.lines[site] = replace(line, gain_error=error)
        if best == site:
            found.crosstalk.extend(
                (site, lines[place], value)
                for place, value in enumerate(shares[: len(lines)])
                if value
            )
    first = everything.shape[1] - quantity.shape[1]
    for site, line, share in found.crosstalk:
        other = found.lines.get(line - first) if line >= first else None
        if other is not None:
            # A neighbour that is picked up brings its own offset along, if a sensor is.
            of_quantity = np.std(everything[:, line]) / np.std(quantity[:, line - first])
            brought = share * found.lines[site].gain * of_quantity / other.gain * other.offset
            error = float(np.hypot(found.lines[site].offset_error, brought))
            found.lines[site] = replace(found.lines[site], offset_error=error)
    found.faults.extend(_crossed(follows, channels))
    return found


def _line(
    quantity: FloatArray, others: FloatArray, volts: FloatArray
) -> tuple[Straight, list[float]]:
    """The line over `quantity`, and per line of `others` the quantity a volt that it adds, or 0."""
    ones = np.ones_like(quantity)
    fit = least_squares(np.column_stack([quantity, ones, others]), volts)
    errors = np.sqrt(np.diagonal(fit.covariance))
    certain = np.abs(fit.values[2:]) > SIGNIFICANT * errors[2:]
    shares = [
        float(value / fit.values[0]) if sure else 0.0
        for value, sure in zip(fit.values[2:], certain, strict=True)
    ]
    if not certain.any():
        # What is not there costs certainty of what is.
        fit = least_squares(np.column_stack([quantity, ones]), volts)
        errors = np.sqrt(np.diagonal(fit.covariance))
    gain, offset = fit.values[:2].tolist()
    return Straight(gain, offset, float(errors[0]), float(errors[1]), fit.residual), shares


def _crossed(follows: dict[int, int], channels: Sequence[str]) -> list[str]:
    faults: list[str] = []
    for site, best in follows.items():
        if best > site and follows.get(best) == site:
            faults.append(
                f"{channels[site]} (position[{site}]) and {channels[best]} (position[{best}]) are "
                "swapped"
            )
        elif best != site and follows.get(best) != site:
            faults.append(f"{channels[site]} (position[{site}]) follows clamp[{best}]")
    return faults
