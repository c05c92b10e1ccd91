"""Clamp points one after the other in one waveform: held and read, or held, released and read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.types import FloatArray, IndexArray, IntArray
from oscilab.wired.clock import clock_for_ramps, ramp_samples, ramp_seconds
from oscilab.wired.ramps import with_ramps
from oscilab.wired.waveform import Waveform

if TYPE_CHECKING:
    from oscilab.wired.array import WiredArray

LARGEST = 1 << 22
"""Numbers that one waveform's levels or one exchange's readings may hold."""


def clamped_readings(
    array: WiredArray, parameters: FloatArray, points: FloatArray, inputs: Sequence[str]
) -> FloatArray:
    """Volts `[input, point]` at clamped `points` `[point, oscillator]`; the caller's own.

    Every point is held for the settling time and read for `average` samples after it, whose mean
    counts.
    """
    if not len(points):
        return np.empty((len(inputs), 0))
    average = array.wired.settings.average
    clamps = array.lines.clamps
    slew = array.drive.limits.slew[clamps]
    whole = _held(array, points)
    ramp_s = ramp_seconds(whole, slew, array.rate_hz)
    rate = clock_for_ramps(array.rate_hz, ramp_s)
    held = array.settle_samples(rate) + average
    whole.samples[:] = held
    ramp = ramp_samples(ramp_s, rate)
    numbers = max(len(inputs) * average, len(clamps) * (ramp + 1))
    array.hold(parameters, points[0])
    found: list[FloatArray] = []
    for chunk in _chunks(array, len(points), numbers, (held + ramp) / rate):
        waveform = whole.part(chunk)
        ramped = with_ramps(waveform, array.drive.outputs.levels[clamps], slew, rate)
        read = before(ramped.ends, average)
        volts = array.drive.exchange(ramped.waveform, rate, inputs, read).volts[:, 0]
        if average > 1:
            volts = volts.reshape(len(inputs), -1, average).mean(axis=2)
        found.append(volts)
    return found[0] if len(found) == 1 else np.concatenate(found, axis=1)


def released_readings(
    array: WiredArray, parameters: FloatArray, points: FloatArray, duration: float
) -> Iterator[tuple[slice, FloatArray, FloatArray, float]]:
    """Volts `[oscillator, point]` of the position sensors, clamped and after `duration` of freedom.

    The last of each is how much longer than `duration` the clock really let them move: its rate is
    rounded to what its timebase can be divided into.

    Raises:
        InvalidInput: before anything is driven, a duration shorter than one sample, or longer than
            one waveform may last.
    """
    average, longest = array.wired.settings.average, array.wired.settings.longest_s
    seconds = duration * array.lines.units.time
    if seconds > longest * (1 + 1e-9):
        raise InvalidInput(
            f"relaxation time {duration:g} is {seconds:.3g} s, but no waveform of device "
            f"{array.wired.name} lasts longer than {longest:g} s; relax for less, or raise "
            "longest_s in its settings"
        )
    if not len(points):
        return
    clamps = array.lines.clamps
    held = _held(array, points)
    ramp_s = ramp_seconds(held, array.drive.limits.slew[clamps], array.rate_hz)
    fastest = min(array.rate_hz, max(clock_for_ramps(array.rate_hz, ramp_s), 1 / seconds))
    # Rounded down, and the clock slowed to fit: never faster than it can be.
    free = math.floor(seconds * fastest + 1e-6)
    if free < 1:
        raise InvalidInput(
            f"relaxation time {duration:g} is {seconds:.3g} s, shorter than one sample of "
            f"{1 / fastest:.3g} s; relax for longer, or use a slower array"
        )
    rate = min(free / seconds, array.rate_hz)
    before_release = array.settle_samples(rate) + average
    ramp = ramp_samples(ramp_s, rate)
    lines = np.concatenate([clamps, array.lines.enables])
    numbers = max(len(points.T) * (average + 1), len(lines) * (ramp + 2))
    inputs = array.wired.wiring.positions
    array.hold(parameters, points[0])
    for chunk in _chunks(array, len(points), numbers, (before_release + ramp + free) / rate):
        waveform = _released(held.levels[:, chunk], lines, before_release, free)
        start = array.drive.outputs.levels[lines]
        ramped = with_ramps(waveform, start, array.drive.limits.slew[lines], rate)
        ends = ramped.ends[:-1].reshape(-1, 2)
        last = before(ends[:, 0], average).reshape(-1, average)
        read = np.concatenate([last, ends[:, 1:] - 1], axis=1).ravel()
        samples = array.drive.exchange(ramped.waveform, rate, inputs, read)
        volts = samples.volts[:, 0].reshape(len(inputs), -1, average + 1)
        clamped = volts[:, :, :average].mean(axis=2)
        yield chunk, clamped, volts[:, :, average], rate / samples.rate_hz


def before(ends: IntArray, count: int) -> IntArray:
    """The last `count` samples before each of `ends`, in order."""
    return (ends[:, np.newaxis] - np.arange(count, 0, -1)).ravel()


def _held(array: WiredArray, points: FloatArray) -> Waveform:
    room = array.scratch.shaped(*points.shape[::-1])
    levels = array.lines.clamp_scale.volts_by_line(points, room)
    return Waveform(array.lines.clamps, levels, np.ones(len(points), np.int64))


def _released(levels: FloatArray, lines: IndexArray, held: int, free: int) -> Waveform:
    """Clamps let go on every second step; at the end they hold again."""
    clamps, count = levels.shape
    both = np.ones((len(lines), 2 * count + 1))
    both[:clamps, 0:-1:2] = both[:clamps, 1::2] = levels
    both[:clamps, -1] = levels[:, -1]
    both[clamps:, 1::2] = 0.0
    samples = np.full(2 * count + 1, held, np.int64)
    samples[1::2] = free
    return Waveform(lines, both, samples)


def _chunks(array: WiredArray, points: int, numbers: int, seconds: float) -> Iterator[slice]:
    most = min(LARGEST // numbers, int(array.wired.settings.longest_s / seconds))
    size = max(1, most)
    for first in range(0, points, size):
        yield slice(first, min(first + size, points))
