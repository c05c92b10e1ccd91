"""The sweep: every drive line and every clamp at random levels at once, all sensors read.

With everything random and independent, one sweep tells each line's own gain and offset from what
its neighbours do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oscilab.types import FloatArray
from oscilab.wired.array import WiredArray
from oscilab.wired.plays import Play
from oscilab.wired.waveform import Waveform, clock_for_ramp, last_samples, with_ramps

SHARE = 0.4
"""Share of a line's range that a sweep covers, so that sensors do not saturate."""
POINTS_AT_ONCE = 500


@dataclass(frozen=True)
class Layout:
    """The lines of a device by name, and which of them are adjacent on the front end.

    `outputs` are the names of the lines driven, parameters first, then clamps; `sensors` those of
    position sensors, then of force sensors. Names are meant for people: "ao2 (stiffness[0])".
    `beside_output[n]` and `beside_sensor[n]` are the lines, or sensors, next to number n: those
    that it can pick up crosstalk from.
    """

    outputs: list[str]
    sensors: list[str]
    beside_output: list[list[int]]
    beside_sensor: list[list[int]]

    @classmethod
    def of(cls, array: WiredArray) -> Layout:
        """Return the layout of the lines that `array` uses."""
        wiring, channels = array.wired.wiring, array.wired.front_end.channels
        driven = [wiring.parameters[name] for name in array.lines.used.names]
        outputs, sensors = [*driven, *wiring.clamps], [*wiring.positions, *wiring.forces]
        return cls(
            [f"{channel} ({wiring.targets[channel]})" for channel in outputs],
            [f"{channel} ({wiring.targets[channel]})" for channel in sensors],
            _adjacent([channels.output_numbers[channel] for channel in outputs]),
            _adjacent([channels.input_numbers[channel] for channel in sensors]),
        )


def _adjacent(numbers: list[int]) -> list[list[int]]:
    """Return, for each of the channel `numbers`, the places in the list of those next to it."""
    place = {number: line for line, number in enumerate(numbers)}
    return [[place[n] for n in (number - 1, number + 1) if n in place] for number in numbers]


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
    def lines(self) -> FloatArray:
        """Volts of all lines driven, `[point, line]`: parameters, then clamps."""
        return np.concatenate([self.drives, self.clamps], axis=1)

    @property
    def sensors(self) -> FloatArray:
        """Volts of all sensors, `[point, sensor]`: positions, then forces."""
        return np.concatenate([self.positions, self.forces], axis=1)


def sweep_lines(
    array: WiredArray,
    points: int,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda points: None,
) -> Sweep:
    """Drive `points` random settings of all lines and read all sensors; outputs end clamped.

    `advance` is called with the number of points read since its last call.

    Raises:
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    lines, limits = array.lines, array.drive.limits
    which = np.concatenate([lines.parameters, lines.clamps])
    lower, upper = _span(array)
    wiring = array.wired.wiring
    inputs = [*wiring.positions, *wiring.forces]
    middle = np.zeros(lines.used.parameters)
    array.hold(middle, np.zeros(lines.used.oscillators))
    volts = rng.uniform(lower, upper, (points, len(which)))
    read: list[FloatArray] = []
    average = array.wired.settings.average
    # The largest step that can occur between two random settings.
    ramp_s = float(((upper - lower) / limits.slew[which]).max())
    rate, _ = clock_for_ramp(ramp_s, array.planner.fastest_hz)
    held = array.planner.settle_samples(rate) + average
    for first in range(0, points, POINTS_AT_ONCE):
        levels = volts[first : first + POINTS_AT_ONCE].T
        steps = np.full(levels.shape[1], held, np.int64)
        start = array.drive.outputs.levels[which]
        ramped = with_ramps(Waveform(which, levels, steps), start, limits.slew[which], rate)
        last = last_samples(ramped.ends, average)
        found = array.drive.exchange(Play(ramped.waveform, rate, inputs, last)).volts[:, 0]
        read.append(found.reshape(len(inputs), -1, average).mean(axis=2).T)
        advance(len(steps))
    readings = np.concatenate(read)
    count, sites = lines.used.parameters, lines.used.oscillators
    return Sweep(volts[:, :count], volts[:, count:], readings[:, :sites], readings[:, sites:])


def _span(array: WiredArray) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest volts of a sweep, `[line]`."""
    lines, described = array.lines, array.description
    ends = np.array(
        [
            [*lines.parameter_scale.volts(box), *lines.clamp_scale.volts(clamp)]
            for box, clamp in (
                (described.box.lower, described.clamp_lower),
                (described.box.upper, described.clamp_upper),
            )
        ]
    )
    return SHARE * ends.min(axis=0), SHARE * ends.max(axis=0)
