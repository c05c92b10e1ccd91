"""Sweeps: every drive line and every clamp put at random levels at once, all sensors read.

With everything random and independent, one sweep tells each line's own gain and offset from what
its neighbours do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oscilab.types import FloatArray, IndexArray
from oscilab.wired.array import WiredArray
from oscilab.wired.clock import clock_for_ramps
from oscilab.wired.points import before
from oscilab.wired.ramps import with_ramps
from oscilab.wired.waveform import Waveform

SHARE = 0.4
"""Of a line's range that a sweep covers, so that sensors do not saturate."""
POINTS_AT_ONCE = 500


@dataclass(frozen=True, eq=False)
class Sweep:
    """What was driven and read, in volts: `drives` `[point, parameter]`, `clamps`, `positions` and
    `forces` `[point, oscillator]`.
    """

    drives: FloatArray
    clamps: FloatArray
    positions: FloatArray
    forces: FloatArray

    @property
    def sensors(self) -> FloatArray:
        """Volts of all sensors, `[point, sensor]`: positions, then forces."""
        return np.concatenate([self.positions, self.forces], axis=1)

    @property
    def lines(self) -> FloatArray:
        """Volts of all lines driven, `[point, line]`: parameters, then clamps."""
        return np.concatenate([self.drives, self.clamps], axis=1)


def sweep_lines(
    array: WiredArray,
    points: int,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda points: None,
) -> Sweep:
    """Drive `points` random settings of all lines and read all sensors; outputs end clamped.

    `advance` is told how many more were read.

    Raises:
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    lines, limits = array.lines, array.drive.limits
    which = np.concatenate([lines.parameters, lines.clamps])
    lower, upper = _span(array, which)
    wiring = array.wired.wiring
    inputs = [*wiring.positions, *wiring.forces]
    middle = np.zeros(lines.used.parameters)
    array.hold(middle, np.zeros(lines.used.oscillators))
    volts = rng.uniform(lower, upper, (points, len(which)))
    read: list[FloatArray] = []
    average = array.wired.settings.average
    # Of all settings that may follow each other, as wide apart as can be.
    ramp_s = float(((upper - lower) / limits.slew[which]).max())
    rate = clock_for_ramps(array.rate_hz, ramp_s)
    held = array.settle_samples(rate) + average
    for first in range(0, points, POINTS_AT_ONCE):
        levels = volts[first : first + POINTS_AT_ONCE].T
        steps = np.full(levels.shape[1], held, np.int64)
        start = array.drive.outputs.levels[which]
        ramped = with_ramps(Waveform(which, levels, steps), start, limits.slew[which], rate)
        last = before(ramped.ends, average)
        found = array.drive.exchange(ramped.waveform, rate, inputs, last).volts[:, 0]
        read.append(found.reshape(len(inputs), -1, average).mean(axis=2).T)
        advance(len(steps))
    readings = np.concatenate(read)
    count, sites = lines.used.parameters, lines.used.oscillators
    return Sweep(volts[:, :count], volts[:, count:], readings[:, :sites], readings[:, sites:])


def _span(array: WiredArray, which: IndexArray) -> tuple[FloatArray, FloatArray]:
    lines, box = array.lines, array.description.box
    ends = np.stack(
        [lines.parameter_scale.volts(box.lower), lines.parameter_scale.volts(box.upper)]
    )
    clamps = np.stack(
        [
            lines.clamp_scale.volts(array.description.clamp_lower),
            lines.clamp_scale.volts(array.description.clamp_upper),
        ]
    )
    everything = np.concatenate([ends, clamps], axis=1)
    return SHARE * everything.min(axis=0), SHARE * everything.max(axis=0)
