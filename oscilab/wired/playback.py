"""Playing a protocol on all lines at once, copy after copy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from oscilab.arrays.readings import Trajectory
from oscilab.errors import InvalidInput
from oscilab.physics.protocol import Protocol, Stairs, noising_parameters
from oscilab.types import BoolArray, Float64Array, FloatArray, IntArray
from oscilab.wired.clock import RAMP_SAMPLES, ramp_samples
from oscilab.wired.energies import Readings
from oscilab.wired.ramps import Ramped, with_ramps
from oscilab.wired.waveform import Waveform

if TYPE_CHECKING:
    from oscilab.wired.array import WiredArray

PREPARATION = 6.0
"""Relaxation times spent in the noising potential before playback; e^-12 of the start is left."""
WELL_BELOW = 5.0
"""The shortest slice must last so many times as long as lines and sensors take to respond."""
LARGEST = 1 << 22


@dataclass(frozen=True, eq=False)
class Timing:
    """A protocol on the sample clock: `edges` `[slice + 1]` in samples from its start."""

    rate_hz: float
    edges: IntArray
    records: IntArray
    times: Float64Array

    @property
    def reads(self) -> IntArray:
        """Samples from the start after which positions are read, ascending."""
        return np.union1d(self.edges, self.records)


def play_protocol(
    array: WiredArray,
    protocol: Protocol,
    copies: int | None,
    initial: ArrayLike | None,
    record_every: float | None,
) -> Trajectory:
    """See `WiredArray.play`."""
    description = array.description
    if protocol.parameters.shape[1] != description.potential.parameters:
        raise InvalidInput(
            f"the protocol has {protocol.parameters.shape[1]} parameters, device "
            f"{description.identity.name} has {description.potential.parameters}"
        )
    stairs = protocol.stairs()
    for parameters in stairs.parameters:
        description.check_parameters(parameters)
    starts = None if initial is None else description.check_set_points(initial)
    number = _number_of_copies(copies, starts)
    timing = _timing(array, protocol, stairs, record_every)
    readers = Readings(
        description.potential, stairs, timing.reads, timing.edges, timing.records, number
    )
    if starts is None:
        longer = _play_thermal(array, protocol, stairs, timing, readers)
    else:
        longer = _play_from(array, stairs, timing, starts, readers)
    return Trajectory(timing.times * longer, readers.positions, readers.work, readers.heat)


def _timing(array: WiredArray, protocol: Protocol, stairs: Stairs, every: float | None) -> Timing:
    unit = array.lines.units.time
    shortest = float(stairs.durations.min()) * unit
    response = WELL_BELOW * array.calibration.response_s
    if shortest < response:
        raise InvalidInput(
            f"the shortest slice lasts {shortest:.3g} s, but must last {response:.3g} s, "
            f"{WELL_BELOW:g} times the response of lines and sensors; use fewer slices, a larger "
            "t_min, a longer stretch or a slower array"
        )
    wanted = array.wired.settings.samples_per_slice / shortest
    rate = min(array.rate_hz, wanted)
    ends = np.concatenate([[0.0], np.cumsum(stairs.durations)]) * unit * rate
    edges = np.rint(ends).astype(np.int64)
    if (np.diff(edges) < 1).any():
        raise InvalidInput(
            f"the shortest slice lasts {shortest:.3g} s, less than one sample of the front end, "
            f"{1 / rate:.3g} s; use fewer slices, a larger t_min or a slower array"
        )
    times = _record_times(protocol.duration, every)
    records = np.minimum(np.rint(times * unit * rate).astype(np.int64), edges[-1])
    records[-1] = edges[-1]
    return Timing(rate, edges, records, times)


def _record_times(duration: float, every: float | None) -> Float64Array:
    if every is None:
        return np.array([0.0, duration])
    if not (math.isfinite(every) and every > 0):
        raise InvalidInput(f"record_every is {every}; it must be a time above zero")
    # An instant that differs from the end by rounding alone is the end.
    return np.append(every * np.arange(math.ceil(duration / every * (1 - 1e-9))), duration)


def _number_of_copies(copies: int | None, initial: FloatArray | None) -> int:
    given = copies if initial is None else len(initial)
    if given is None or given < 1:
        raise InvalidInput(f"a playback of {copies} copies is empty; give copies or initial")
    if copies is not None and copies != given:
        raise InvalidInput(f"copies is {copies} but initial has {given} rows; give one of them")
    return given


def _play_thermal(
    array: WiredArray, protocol: Protocol, stairs: Stairs, timing: Timing, found: Readings
) -> float:
    """Clamp at the origin, release into the noising potential, wait, play; over and over.

    Return how much longer than asked for the clock really made each playback.
    """
    longer = 1.0
    description, lines = array.description, array.lines
    # The noise has unit variance; a bath of temperature D makes it in a spring of stiffness D.
    stiffness = protocol.noising.temperature or 1.0
    noising = stiffness * noising_parameters(description.potential)
    theta = description.check_parameters(noising)
    wait = math.ceil(PREPARATION / stiffness * lines.units.time * timing.rate_hz)
    origin = np.zeros(description.potential.oscillators)
    array.hold(theta, origin)
    held = array.settle_samples(timing.rate_hz) + 1
    settings = np.concatenate([[theta, theta], stairs.parameters, [theta]])
    samples = np.concatenate([[held, wait], np.diff(timing.edges), [held]])
    clamped = np.zeros(len(samples), np.bool_)
    clamped[[0, -1]] = True
    # Where the way back is a long one at the protocol's clock, it is gone at the outputs' own pace.
    slow = _is_slow(array, settings[-2:], timing.rate_hz)
    last = len(samples) - slow
    waveform = _waveform(array, settings[:last], samples[:last], clamped[:last], None)
    ramped = _ramped(array, waveform, clamped[:last], timing.rate_hz)
    read = held + wait - 1 + timing.reads
    inputs = array.wired.wiring.positions
    per_copy = ramped.waveform.seconds(timing.rate_hz)
    most = min(LARGEST // (len(inputs) * len(read)), array.wired.settings.longest_s / per_copy)
    while found.missing:
        repeats = 1 if slow else min(max(1, int(most)), found.missing)
        waveform = replace(ramped.waveform, repeats=repeats)
        taken = array.drive.exchange(waveform, timing.rate_hz, inputs, read)
        found.add(lines.positions(taken.volts))
        longer = timing.rate_hz / taken.rate_hz
        if slow:
            array.hold(theta, origin)
    return longer


def _play_from(
    array: WiredArray, stairs: Stairs, timing: Timing, starts: FloatArray, found: Readings
) -> float:
    """Clamp at the start, release into the protocol; one waveform carries many copies.

    Return how much longer than asked for the clock really made each playback.
    """
    longer = 1.0
    lines = array.lines
    held = array.settle_samples(timing.rate_hz) + 1
    settings = np.concatenate([stairs.parameters[:1], stairs.parameters])
    samples = np.concatenate([[held], np.diff(timing.edges)])
    clamped = np.zeros(len(samples), np.bool_)
    clamped[0] = True
    inputs = array.wired.wiring.positions
    numbers = max(
        len(inputs) * len(timing.reads), (len(lines.parameters) + len(inputs)) * len(samples)
    )
    per_copy = int(samples.sum()) / timing.rate_hz
    most = min(LARGEST // numbers, array.wired.settings.longest_s / per_copy)
    if _is_slow(array, settings[[-1, 0]], timing.rate_hz, starts):
        most = 1
    while found.missing:
        done = len(starts) - found.missing
        batch = starts[done : done + max(1, int(most))]
        count = len(batch)
        array.hold(settings[0], batch[0])
        waveform = _waveform(
            array, np.tile(settings, (count, 1)), np.tile(samples, count), np.tile(clamped, count),
            batch,
        )  # fmt: skip
        ramped = _ramped(array, waveform, np.tile(clamped, count), timing.rate_hz)
        begins = ramped.ends[:: len(samples)] - 1
        read = (begins[:, np.newaxis] + timing.reads).ravel()
        taken = array.drive.exchange(ramped.waveform, timing.rate_hz, inputs, read)
        found.add(lines.positions(taken.volts[:, 0].reshape(len(inputs), count, -1)))
        longer = timing.rate_hz / taken.rate_hz
    array.hold(settings[0], starts[-1])
    return longer


def _is_slow(
    array: WiredArray, settings: FloatArray, rate_hz: float, starts: FloatArray | None = None
) -> bool:
    """Whether a ramp between two `settings` `[2, parameter]`, or two `starts` in a row, is so long
    that the protocol's clock would make too many samples of it.
    """
    lines, slew = array.lines, array.drive.limits.slew
    change = np.abs(np.diff(lines.parameter_scale.volts_by_line(settings)))[:, 0]
    longest = float((change / slew[lines.parameters]).max())
    if starts is not None and len(starts) > 1:
        steps = np.abs(np.diff(lines.clamp_scale.volts_by_line(starts))).max(axis=1)
        longest = max(longest, float((steps / slew[lines.clamps]).max()))
    return ramp_samples(longest, rate_hz) > RAMP_SAMPLES


def _waveform(
    array: WiredArray,
    settings: FloatArray,
    samples: IntArray,
    clamped: BoolArray,
    set_points: FloatArray | None,
) -> Waveform:
    """All lines that a playback moves, at `settings` `[step, parameter]`.

    `set_points` `[copy, oscillator]` are the clamps' over equal parts of the steps; without them
    the clamps stay at the origin.
    """
    lines = array.lines
    steps = len(settings)
    parts = [lines.parameter_scale.volts_by_line(settings)]
    which = [lines.parameters]
    if set_points is not None:
        volts = lines.clamp_scale.volts_by_line(set_points)
        parts.append(np.repeat(volts, steps // len(set_points), axis=1))
        which.append(lines.clamps)
    parts.append(np.tile(clamped.astype(np.float64), (len(lines.enables), 1)))
    which.append(lines.enables)
    return Waveform(np.concatenate(which), np.concatenate(parts), samples)


def _ramped(array: WiredArray, waveform: Waveform, clamped: BoolArray, rate: float) -> Ramped:
    start = array.drive.outputs.levels[waveform.lines]
    slew = array.drive.limits.slew[waveform.lines]
    return with_ramps(waveform, start, slew, rate, inside=~clamped)
