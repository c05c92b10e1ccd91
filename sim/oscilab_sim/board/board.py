"""A board with a simulated array behind it; calls come one at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oscilab.physics import Potential
from oscilab.types import BoolArray, FloatArray, IndexArray, IntArray, Volts
from oscilab.wired.calibration import Calibration
from oscilab.wired.channels import ChannelTable
from oscilab.wired.waveform import Waveform
from oscilab.wired.wiring import Wiring
from oscilab_sim.board.converters import OutputStage
from oscilab_sim.board.imperfections import Imperfections, true_calibration
from oscilab_sim.board.plant import Plant, Sensor
from oscilab_sim.board.sensing import Sensing
from oscilab_sim.board.soldering import AtPlant, Soldering
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.settings import EngineName

FORGOTTEN = 10.0
"""Relaxation times of a unit spring after which the initial position no longer matters."""


class RecordedOutputs:
    """The outputs of a board, with a record of every change.

    `levels` `[output]` are the outputs, `seconds` is the board's clock.

    `fastest` `[output]` are the largest slews in V/s, `lowest` and `highest` the extremes, and
    `writes` counts every update. Tests read these from the board, independently of the host.
    """

    def __init__(self, channels: ChannelTable) -> None:
        self.channels = channels
        count = len(channels.outputs)
        self.levels: Volts = np.zeros(count)
        self.fastest, self.lowest, self.highest = np.zeros(count), np.zeros(count), np.zeros(count)
        self.writes = 0
        self.seconds = 0.0
        self._last_write = -np.inf
        self._record_lock = threading.Lock()

    def record(self, levels: Volts, lines: IndexArray, rate_hz: float | None) -> None:
        """Record `levels` `[line, step]` of `lines`, clocked at `rate_hz` or set at once."""
        with self._record_lock:
            first = np.abs(levels[:, 0] - self.levels[lines])
            since = max(self.seconds - self._last_write, self.channels.update_s)
            speed = first * rate_hz if rate_hz else first / since
            if levels.shape[1] > 1 and rate_hz:
                speed = np.maximum(speed, np.abs(np.diff(levels, axis=1)).max(axis=1) * rate_hz)
            self.fastest[lines] = np.maximum(self.fastest[lines], speed)
            self.lowest[lines] = np.minimum(self.lowest[lines], levels.min(axis=1))
            self.highest[lines] = np.maximum(self.highest[lines], levels.max(axis=1))
            self.writes += 1
            self._last_write = self.seconds

    def driven_until(self, seconds: float) -> None:
        """Record that a waveform ended at `seconds`."""
        self._last_write = seconds


@dataclass(frozen=True)
class Episode:
    """Steps `start` to `stop` of a waveform, in all of which the clamps are open."""

    start: int
    stop: int

    def span(self, waveform: Waveform) -> tuple[int, int]:
        """Return the first sample, and the one past the last."""
        begin = waveform.ends[self.start] - waveform.samples[self.start]
        return int(begin), int(waveform.ends[self.stop - 1])


def episodes_of(waveform: Waveform, clamped: BoolArray, theta: FloatArray) -> list[list[Episode]]:
    """Return all episodes, grouped by drive and length, in the order of each group's last.

    A clamp erases the past, so episodes that each begin at a clamp are independent of each other.
    A group is simulated as copies side by side, so a board with one array is as fast as a batch.

    `theta` is `[parameter, step]`, or `[parameter, 1]` where the drive is constant.
    """
    if clamped.all():
        return []
    edges = np.diff(np.concatenate([[1], clamped, [1]]).astype(np.int8))
    groups: dict[tuple[bytes, bytes, bool], list[Episode]] = {}
    for start, stop in zip(np.flatnonzero(edges < 0), np.flatnonzero(edges > 0), strict=True):
        drive = theta if theta.shape[1] == 1 else theta[:, start:stop]
        key = (waveform.samples[start:stop].tobytes(), drive.tobytes(), bool(start == 0))
        groups.setdefault(key, []).append(Episode(int(start), int(stop)))
    return sorted(groups.values(), key=lambda group: group[-1].stop)


class VirtualBoard(RecordedOutputs):
    """Electronics and oscillators under one virtual clock.

    `design` gives the intended gains of the lines, `flaws` the deviations of this board.
    """

    def __init__(
        self,
        potential: Potential,
        channels: ChannelTable,
        wiring: Wiring,
        design: Calibration,
        flaws: Imperfections | None = None,
        engine: EngineName = "auto",
        threads: int = 1,
    ) -> None:
        super().__init__(channels)
        flaws = flaws or Imperfections()
        self.flaws = flaws
        self.truth = true_calibration(design, flaws)
        units = self.truth.units
        self._unit_time = units.time
        sensor = Sensor(flaws.sensor_settling_s / units.time, flaws.clamp_stiffness)
        built = choose_engine(engine, potential, threads)
        self._plant = Plant(potential, built, flaws.seed, sensor, flaws.step_fraction)
        self._to = Soldering(potential, channels, wiring, self.truth, OutputStage(channels, flaws))
        self._sensing = Sensing(channels, wiring, self._to, flaws, units.time)
        self.outside = self._sensing.outside
        self._x = np.zeros((1, potential.oscillators))
        self._shown = self._x

    def reseed(self, seed: int) -> None:
        """Restart bath and noise; gains, offsets and drifts stay those of this board."""
        mixed = np.random.SeedSequence([self.flaws.seed, seed])
        self._plant.reseed(int(mixed.generate_state(1, np.uint64)[0] >> 1))
        self._sensing.reseed(mixed.spawn(1)[0])

    @property
    def is_clamped(self) -> bool:
        """Whether the clamps are closed at the present outputs."""
        return self._to.is_clamped(self.levels)

    def set_outputs(self, volts: Volts) -> None:
        """Set every output to `volts` `[output]`."""
        self.record(volts[:, np.newaxis], np.arange(len(volts)), None)
        self.levels[:] = volts
        if self._to.is_clamped(self.levels):
            self._shown = self._x = self._clamped_positions()

    def advance(self, seconds: float) -> None:
        """Let the board's clock run with outputs unchanged.

        Of a long wait only `FORGOTTEN` relaxation times are simulated; the rest would cost CPU time
        and change nothing.
        """
        moved = min(seconds / self._unit_time, FORGOTTEN)
        if seconds > 0 and not self._to.is_clamped(self.levels):
            theta = self._to.parameters(self.levels)[:, np.newaxis]
            found, self._x = self._plant.free(
                self._x,
                theta,
                np.array([moved]),
                [np.array([moved])],
                self._shown,
            )
            self._shown = found[-1]
        self.seconds += seconds

    def read(self, inputs: Sequence[str], samples: int, seconds: float | None = None) -> Volts:
        """Return the present readings of the named inputs, `[input, sample]`.

        `seconds` may be ahead of the board's clock for lines that are not driven by an oscillator.
        """
        clamped = self._to.is_clamped(self.levels)
        x = np.repeat(self._shown, samples, axis=0)
        forces = np.zeros_like(x)
        if clamped:
            theta, points = self._to.parameters(self.levels), self._to.points(self.levels)
            x = self._plant.clamped(theta, np.repeat(points[np.newaxis], samples, axis=0))
            if self._sensing.reads_forces(inputs):
                forces = self._plant.forces(theta, x)
        times = np.full(samples, self.seconds if seconds is None else seconds)
        return self._sensing.readings(inputs, x, forces, times, 1 / self.channels.max_rate_hz)

    def run(
        self, waveform: Waveform, rate_hz: float, inputs: Sequence[str], read: IntArray
    ) -> Volts:
        """Play a waveform, advance the clock, and return readings `[input, repeat, reading]`."""
        period = 1 / rate_hz
        self.record(waveform.levels, waveform.lines, rate_hz)
        read = np.maximum(read - self.flaws.latency_samples, 0)
        lags = self.flaws.output_settling_s, self.flaws.sensor_settling_s
        at_plant = AtPlant(self._to, self.levels, waveform, period, *lags)
        forces_wanted = self._sensing.reads_forces(inputs)
        x, forces = self._played(waveform, at_plant, read, period, forces_wanted)
        count = waveform.repeats * len(read)
        begin = np.arange(waveform.repeats)[:, np.newaxis] * waveform.length
        times = self.seconds + ((begin + read + 1) * period).ravel()
        x, forces = x.reshape(count, -1), forces.reshape(count, -1)
        volts = self._sensing.readings(inputs, x, forces, times, period)
        self.seconds += waveform.seconds(rate_hz)
        self.driven_until(self.seconds)
        self.levels[waveform.lines] = waveform.levels[:, -1]
        return volts.reshape(len(inputs), waveform.repeats, len(read))

    def _played(
        self,
        waveform: Waveform,
        at_plant: AtPlant,
        read: IntArray,
        period: float,
        forces_wanted: bool,
    ) -> tuple[FloatArray, FloatArray]:
        """Return sensor positions and forces in core units, `[repeat, reading, oscillator]`."""
        oscillators = self._x.shape[1]
        x = np.zeros((waveform.repeats, len(read), oscillators))
        forces = np.zeros_like(x)
        steps = waveform.step_of(read)
        held = at_plant.clamped[steps]
        if held.any():
            where = np.flatnonzero(held)
            since = (read[where] + 1 - (waveform.ends - waveform.samples)[steps[where]]) * period
            found, forced = self._clamped_readings(
                at_plant, steps[where], since, waveform.repeats, forces_wanted
            )
            x[:, where], forces[:, where] = found, forced
        for group in episodes_of(waveform, at_plant.clamped, at_plant.theta):
            self._release(waveform, at_plant, group, read, period, x)
        if at_plant.clamped[-1]:
            self._x = self._shown = at_plant.points_after(len(waveform.samples))[np.newaxis]
        return x, forces

    def _clamped_readings(
        self,
        at_plant: AtPlant,
        steps: IndexArray,
        since: FloatArray,
        repeats: int,
        forces_wanted: bool,
    ) -> tuple[FloatArray, FloatArray]:
        points = np.tile(at_plant.points_at(steps, since), (repeats, 1))
        theta, settings = at_plant.settings_at(steps, since)
        settings = np.tile(settings, repeats)
        x, forces = points, np.zeros_like(points)
        if forces_wanted or self.flaws.clamp_stiffness is not None:
            x = points.copy()
            for setting in np.unique(settings):
                rows = settings == setting
                parameters = np.ascontiguousarray(theta[:, setting])
                x[rows] = self._plant.clamped(parameters, points[rows])
                forces[rows] = self._plant.forces(parameters, x[rows])
        if self.flaws.sensor_settling_s:
            x = x + np.tile(at_plant.sensor_lag(steps, since), (repeats, 1))
        shape = (repeats, len(steps), -1)
        return x.reshape(shape), forces.reshape(shape)

    def _release(
        self,
        waveform: Waveform,
        at_plant: AtPlant,
        group: list[Episode],
        read: IntArray,
        period: float,
        x: FloatArray,
    ) -> None:
        """Simulate episodes of one drive as copies side by side, and write readings into `x`."""
        first = group[0]
        fresh = first.start > 0
        repeats = waveform.repeats
        # An episode without a clamp before it continues from the end of the previous repeat.
        rounds, together = (1, repeats) if fresh else (repeats, 1)
        begins = waveform.ends - waveform.samples
        stops: list[FloatArray] = []
        rows = [np.arange(*np.searchsorted(read, each.span(waveform))) for each in group]
        for step in range(first.start, first.stop):
            low, high = np.searchsorted(read, [begins[step], waveform.ends[step]])
            seconds = (read[low:high] + 1 - begins[step]) * period
            stops.append(seconds / self._unit_time)
        durations = waveform.samples[first.start : first.stop] * period / self._unit_time
        theta = at_plant.theta
        drive = theta if theta.shape[1] == 1 else theta[:, first.start : first.stop]
        for number in range(rounds):
            if fresh:
                points = np.stack([at_plant.points_after(each.start) for each in group])
                setting = theta[:, min(first.start - 1, theta.shape[1] - 1)]
                start = self._plant.clamped(np.ascontiguousarray(setting), points)
                start, seen = np.repeat(start, together, axis=0), None
            else:
                start, seen = self._x, self._shown
            found, end = self._plant.free(start, drive, durations, stops, seen)
            for place, values in enumerate(found):
                shown = values.reshape(len(group), together, -1)
                for which, row in enumerate(rows):
                    if fresh:
                        x[:, row[place]] = shown[which]
                    else:
                        x[number, row[place]] = shown[which, 0]
            self._x = end[-1:]
            self._shown = found[-1][-1:] if found else self._x

    def _clamped_positions(self) -> FloatArray:
        points = self._to.points(self.levels)[np.newaxis]
        if self.flaws.clamp_stiffness is None:
            return points
        return self._plant.clamped(self._to.parameters(self.levels), points)
