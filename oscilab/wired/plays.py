"""What an array is asked for, as waveforms to play and samples to read.

A `Play` is data: it can be looked at without a board, and nothing in it leads back to the array.
A `Planner` makes plays. It knows what lines mean, how fast they may change and how they are
clocked, and nothing of the hardware.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.physics.potential import Potential
from oscilab.physics.protocol import Protocol, Stairs, noising_parameters
from oscilab.types import BoolArray, Float64Array, FloatArray, IndexArray, IntArray
from oscilab.wired.lines import Lines
from oscilab.wired.settings import WiredSettings
from oscilab.wired.waveform import (
    RAMP_SAMPLES,
    Ramped,
    Waveform,
    clock_for_ramps,
    last_samples,
    with_ramps,
)

LARGEST = 1 << 22
"""Numbers that one waveform's levels or the readings of one play may hold."""
LARGEST_KEPT = 1 << 20
"""Numbers (8 MB) that are kept as room for the next waveform."""
PREPARATION = 6.0
"""Relaxation times spent in the noising potential before playback; e^-12 of the start is left."""
WELL_BELOW = 5.0
"""The shortest slice must last this many times as long as lines and sensors take to respond."""


@dataclass(frozen=True, eq=False)
class Play:
    """A waveform by a clock, and what is read while it plays.

    `inputs` names the inputs; `read` `[reading]` are the samples of each repeat that are kept,
    ascending.
    """

    waveform: Waveform
    rate_hz: float
    inputs: Sequence[str]
    read: IntArray


@dataclass(frozen=True, eq=False)
class Timing:
    """A protocol by a sample clock, in samples from its start.

    `edges` `[slice + 1]` are where slices begin and end, `records` and `times` `[record]` when
    positions are recorded, in samples and in array time.
    """

    rate_hz: float
    edges: IntArray
    records: IntArray
    times: Float64Array

    @property
    def reads(self) -> IntArray:
        """When positions are read, ascending: at edges and at records."""
        return np.union1d(self.edges, self.records)


class Planner:
    """Makes the plays of an array.

    `lines` says what volts mean, `slew` `[output]` in V/s how fast outputs may change, `settings`
    how points are timed, `fastest_hz` is the fastest clock.
    """

    def __init__(
        self, lines: Lines, slew: FloatArray, settings: WiredSettings, fastest_hz: float
    ) -> None:
        self.fastest_hz = fastest_hz
        self.average = settings.average
        self._lines = lines
        self._slew = slew
        self._settings = settings
        self._clamp_slew = slew[lines.clamps]
        self._room = np.empty(0)

    def settle_samples(self, rate_hz: float) -> int:
        """Return the samples to wait after a clamp step."""
        return math.ceil(self._settings.settle_s * rate_hz - 1e-9)

    def clamped(self, points: FloatArray, inputs: Sequence[str]) -> Iterator[Play]:
        """Yield plays that clamp `points` `[point, oscillator]`, one after the other.

        Every point is held for the settling time; then the last `average` samples are read. The
        clamps are expected to be on, at the first point.
        """
        steps = self._clamp_steps(points)
        rate, ramp_s = clock_for_ramps(steps, self._clamp_slew, self.fastest_hz)
        held = self.settle_samples(rate) + self.average
        steps.samples[:] = held
        ramp = math.ceil(ramp_s * rate)
        numbers = max(len(inputs) * self.average, len(steps.lines) * (ramp + 1))
        start = steps.levels[:, 0]
        size = self._at_once(numbers, (held + ramp) / rate)
        for first in range(0, len(points), size):
            part = steps if size >= len(points) else steps.part(slice(first, first + size))
            ramped = with_ramps(part, start, self._clamp_slew, rate)
            start = ramped.waveform.levels[:, -1]
            ends = ramped.waveform.ends[ramped.steps]
            yield Play(ramped.waveform, rate, inputs, last_samples(ends, self.average))

    def released(
        self, points: FloatArray, duration: float, name: str
    ) -> Iterator[tuple[slice, Play]]:
        """Return the chunks of `points` `[point, oscillator]` with their plays.

        Each point is clamped, read by the position sensors as in `clamped`, released for
        `duration` (array time) and read once: `average + 1` readings a point. The clamps are
        expected to be on, at the first point. `name` is the device's, for messages.

        Raises:
            InvalidInput: a duration shorter than one sample, or longer than a waveform may last.
        """
        lines, longest = self._lines, self._settings.longest_s
        seconds = duration * lines.units.time
        if seconds > longest * (1 + 1e-9):
            raise InvalidInput(
                f"relaxation time {duration:g} is {seconds:.3g} s, but no waveform of device "
                f"{name} lasts longer than {longest:g} s; relax for less, or raise "
                "longest_s in its settings"
            )
        if not len(points):
            return iter(())
        steps = self._clamp_steps(points)
        clock, ramp_s = clock_for_ramps(steps, self._clamp_slew, self.fastest_hz)
        fastest = min(self.fastest_hz, max(clock, 1 / seconds))
        # Rounded down, and the clock slowed to fit: never faster than it can be.
        free = math.floor(seconds * fastest + 1e-6)
        if free < 1:
            raise InvalidInput(
                f"relaxation time {duration:g} is {seconds:.3g} s, shorter than one sample of "
                f"{1 / fastest:.3g} s; relax for longer, or use a slower array"
            )
        rate = min(free / seconds, self.fastest_hz)
        return self._released(steps.levels, free, rate, math.ceil(ramp_s * rate))

    def _released(
        self, levels: FloatArray, free: int, rate: float, ramp: int
    ) -> Iterator[tuple[slice, Play]]:
        """Yield chunks of the clamps' `levels` `[clamp, point]`; `free` and `ramp` are samples."""
        lines, inputs = self._lines, self._lines.wiring.positions
        which = np.concatenate([lines.clamps, lines.enables])
        held = self.settle_samples(rate) + self.average
        numbers = max(len(levels) * (self.average + 1), len(which) * (ramp + 2))
        start = np.append(levels[:, 0], np.ones(len(lines.enables)))
        size = self._at_once(numbers, (held + ramp + free) / rate)
        for first in range(0, levels.shape[1], size):
            chunk = slice(first, first + size)
            waveform = _releasing(levels[:, chunk], which, held, free)
            ramped = with_ramps(waveform, start, self._slew[which], rate)
            start = ramped.waveform.levels[:, -1]
            ends = ramped.ends[:-1].reshape(-1, 2)
            last = last_samples(ends[:, 0], self.average).reshape(-1, self.average)
            read = np.concatenate([last, ends[:, 1:] - 1], axis=1).ravel()
            yield chunk, Play(ramped.waveform, rate, inputs, read)

    def timing(
        self, protocol: Protocol, stairs: Stairs, every: float | None, response_s: float
    ) -> Timing:
        """Return when the slices of `protocol` begin, and when positions are recorded.

        The clock has `samples_per_slice` samples in the shortest slice, where it is fast enough.
        `response_s` is how slow lines and sensors are.

        Raises:
            InvalidInput: a slice that is too short for the lines or for the clock, or a time
                between records that is not above zero.
        """
        unit = self._lines.units.time
        shortest = float(stairs.durations.min()) * unit
        response = WELL_BELOW * response_s
        if shortest < response:
            raise InvalidInput(
                f"the shortest slice lasts {shortest:.3g} s, but must last {response:.3g} s, "
                f"{WELL_BELOW:g} times the response of lines and sensors; use fewer slices, a "
                "larger t_min, a longer stretch or a slower array"
            )
        rate = min(self.fastest_hz, self._settings.samples_per_slice / shortest)
        ends = np.concatenate([[0.0], np.cumsum(stairs.durations)]) * unit * rate
        edges = np.rint(ends).astype(np.int64)
        if (np.diff(edges) < 1).any():
            raise InvalidInput(
                f"the shortest slice lasts {shortest:.3g} s, less than one sample of the front "
                f"end, {1 / rate:.3g} s; use fewer slices, a larger t_min or a slower array"
            )
        times = _record_times(protocol.duration, every)
        records = np.minimum(np.rint(times * unit * rate).astype(np.int64), edges[-1])
        records[-1] = edges[-1]
        return Timing(rate, edges, records, times)

    def from_noise(
        self, protocol: Protocol, stairs: Stairs, timing: Timing, theta: FloatArray
    ) -> tuple[Play, int]:
        """Return the play of one copy from thermal noise, and how many copies it may carry.

        Clamps at the origin are released into the noising potential `theta`; when its noise has
        built up, the protocol plays. The drive is expected at `theta`, clamped at the origin, and
        ends there, unless the way back is slow: then a play carries one copy, and ends with the
        protocol.
        """
        rate, inputs = timing.rate_hz, self._lines.wiring.positions
        stiffness = protocol.noising.temperature or 1.0
        wait = math.ceil(PREPARATION / stiffness * self._lines.units.time * rate)
        held = self.settle_samples(rate) + 1
        settings = np.concatenate([[theta, theta], stairs.parameters, [theta]])
        samples = np.concatenate([[held, wait], np.diff(timing.edges), [held]])
        clamped = np.zeros(len(samples), np.bool_)
        clamped[[0, -1]] = True
        is_slow = self._is_slow(settings[-2:], rate)
        last = len(samples) - 1 if is_slow else len(samples)
        ramped = self._playback(settings[:last], samples[:last], clamped[:last], None, rate)
        read = held + wait - 1 + timing.reads
        most = self._at_once(len(inputs) * len(read), ramped.waveform.seconds(rate))
        return Play(ramped.waveform, rate, inputs, read), 1 if is_slow else most

    def from_starts(
        self, stairs: Stairs, timing: Timing, starts: FloatArray
    ) -> Iterator[tuple[FloatArray, Play]]:
        """Yield plays of copies from `starts` `[copy, oscillator]`, each with the starts it has.

        The clamps hold a start, and are released into the protocol. Before each play the drive is
        expected at the protocol's first setting, clamped at the play's first start.
        """
        rate, lines, inputs = timing.rate_hz, self._lines, self._lines.wiring.positions
        held = self.settle_samples(rate) + 1
        settings = np.concatenate([stairs.parameters[:1], stairs.parameters])
        samples = np.concatenate([[held], np.diff(timing.edges)])
        clamped = np.zeros(len(samples), np.bool_)
        clamped[0] = True
        numbers = max(
            len(inputs) * len(timing.reads), (len(lines.parameters) + len(inputs)) * len(samples)
        )
        most = self._at_once(numbers, int(samples.sum()) / rate)
        if self._is_slow(settings[[-1, 0]], rate, starts):
            most = 1
        for first in range(0, len(starts), most):
            batch = starts[first : first + most]
            count = len(batch)
            ramped = self._playback(
                np.tile(settings, (count, 1)), np.tile(samples, count), np.tile(clamped, count),
                batch, rate,
            )  # fmt: skip
            begins = ramped.ends[:: len(samples)] - 1
            yield (
                batch,
                Play(ramped.waveform, rate, inputs, (begins[:, np.newaxis] + timing.reads).ravel()),
            )

    def _clamp_steps(self, points: FloatArray) -> Waveform:
        """The clamps' levels at `points`, one sample each, in room that the next call overwrites.

        Fresh memory costs more than what is done in it: every page of it is a page fault.
        """
        count, sites = points.shape
        if count * sites > LARGEST_KEPT:
            room = np.empty((sites, count))
        else:
            if count * sites > self._room.size:
                self._room = np.empty(count * sites)
            room = self._room[: count * sites].reshape(sites, count)
        levels = self._lines.clamp_scale.volts_by_line(points, room)
        return Waveform(self._lines.clamps, levels, np.ones(len(points), np.int64))

    def _at_once(self, numbers: int, seconds: float) -> int:
        """How many pieces of so many numbers and seconds fit in memory and in one waveform."""
        return max(1, min(LARGEST // numbers, int(self._settings.longest_s / seconds)))

    def _is_slow(
        self, settings: FloatArray, rate_hz: float, starts: FloatArray | None = None
    ) -> bool:
        """Whether a ramp between two `settings` `[2, parameter]`, or between `starts` in a row, is
        so long that the protocol's clock would make too many samples of it.
        """
        lines = self._lines
        change = np.abs(np.diff(lines.parameter_scale.volts_by_line(settings)))[:, 0]
        longest = float((change / self._slew[lines.parameters]).max())
        if starts is not None and len(starts) > 1:
            steps = np.abs(np.diff(lines.clamp_scale.volts_by_line(starts))).max(axis=1)
            longest = max(longest, float((steps / self._clamp_slew).max()))
        return math.ceil(longest * rate_hz) > RAMP_SAMPLES

    def _playback(
        self,
        settings: FloatArray,
        samples: IntArray,
        clamped: BoolArray,
        starts: FloatArray | None,
        rate_hz: float,
    ) -> Ramped:
        """All lines that a playback moves, at `settings` `[step, parameter]`, with ramps.

        `starts` `[copy, oscillator]` are the clamps' over equal parts of the steps; without them
        the clamps do not move.
        """
        lines = self._lines
        steps = len(settings)
        parts = [lines.parameter_scale.volts_by_line(settings)]
        which = [lines.parameters]
        if starts is not None:
            volts = lines.clamp_scale.volts_by_line(starts)
            parts.append(np.repeat(volts, steps // len(starts), axis=1))
            which.append(lines.clamps)
        parts.append(np.tile(clamped.astype(np.float64), (len(lines.enables), 1)))
        which.append(lines.enables)
        levels, numbers = np.concatenate(parts), np.concatenate(which)
        waveform = Waveform(numbers, levels, samples)
        return with_ramps(waveform, levels[:, 0], self._slew[numbers], rate_hz, inside=~clamped)


class Copies:
    """The copies of a playback as they come in: positions, and energy at every switch of the drive.

    `positions` is `[copy, record, oscillator]`; `work` and `heat` `[copy]` are in kT.
    """

    def __init__(self, potential: Potential, stairs: Stairs, timing: Timing, copies: int) -> None:
        self._potential = potential
        self._stairs = stairs
        self._records = np.searchsorted(timing.reads, timing.records)
        self._edges = np.searchsorted(timing.reads, timing.edges)
        self._done = 0
        self.positions = np.empty((copies, len(timing.records), potential.oscillators))
        self.work, self.heat = np.zeros(copies), np.zeros(copies)

    @property
    def missing(self) -> int:
        """Copies that were not played yet."""
        return len(self.work) - self._done

    def add(self, positions: FloatArray) -> None:
        """Add `positions` `[copy, reading, oscillator]` of further copies, read at `Timing.reads`.

        The work is what the potential energy rises by when the drive switches, the heat what it
        falls by in between.
        """
        rows = slice(self._done, self._done + len(positions))
        self.positions[rows] = positions[:, self._records]
        last: FloatArray | None = None
        for number, parameters in enumerate(self._stairs.parameters):
            begin, end = positions[:, self._edges[number]], positions[:, self._edges[number + 1]]
            before = np.asarray(self._potential.energy(parameters, begin), np.float64)
            if last is not None:
                self.work[rows] += before - last
            last = np.asarray(self._potential.energy(parameters, end), np.float64)
            self.heat[rows] += before - last
        self._done += len(positions)


def noising_setting(potential: Potential, protocol: Protocol) -> FloatArray:
    """Return the parameters `[parameter]` of the potential that makes the protocol's noise.

    The noise has unit variance; a bath of temperature D makes it in a spring of stiffness D.
    """
    return (protocol.noising.temperature or 1.0) * noising_parameters(potential)


def repeated(play: Play, repeats: int) -> Play:
    """Return `play` with its waveform played so many times."""
    return replace(play, waveform=replace(play.waveform, repeats=repeats))


def _releasing(points: FloatArray, which: IndexArray, held: int, free: int) -> Waveform:
    """Clamps at `points` `[clamp, point]`, off on every second step, on at the end."""
    clamps, count = points.shape
    levels = np.ones((len(which), 2 * count + 1))
    levels[:clamps, 0:-1:2] = levels[:clamps, 1::2] = points
    levels[:clamps, -1] = points[:, -1]
    levels[clamps:, 1::2] = 0.0
    samples = np.full(2 * count + 1, held, np.int64)
    samples[1::2] = free
    return Waveform(which, levels, samples)


def _record_times(duration: float, every: float | None) -> Float64Array:
    if every is None:
        return np.array([0.0, duration])
    if not (math.isfinite(every) and every > 0):
        raise InvalidInput(f"record_every is {every}; it must be a time above zero")
    # An instant that differs from the end by rounding alone is the end.
    return np.append(every * np.arange(math.ceil(duration / every * (1 - 1e-9))), duration)
