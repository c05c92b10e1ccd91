"""A simulated board with an array of oscillators soldered to it: volts in, volts out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import DeviceFailed
from oscilab.physics import Potential
from oscilab.wired.calibration import Calibration
from oscilab.wired.channels import ChannelTable
from oscilab.wired.scales import Scale
from oscilab.wired.waveform import Waveform
from oscilab.wired.wiring import FORCE, POSITION, Wiring, family_of
from oscilab_sim.board.converters import InputStage, OutputStage
from oscilab_sim.board.episodes import Episode, episodes_of
from oscilab_sim.board.imperfections import Imperfections
from oscilab_sim.board.lag import lagged_at, lagged_means, lagged_starts
from oscilab_sim.board.plant import Plant, Sensor
from oscilab_sim.board.truth import true_calibration
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.settings import EngineName

Array = NDArray[np.floating]
Volts = NDArray[np.floating]
Indices = NDArray[np.int64]


@dataclass
class Outside:
    """Input lines that no oscillator drives, such as interlocks: volts from a time on.

    `events` are (seconds of the board's clock, volts), in order of time. A line that `beats` goes
    from 0 to 1 V or back every `beats[0]` seconds, until second `beats[1]`.
    """

    volts: float = 0.0
    events: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    beats: tuple[float, float] | None = None

    def at(self, seconds: Array) -> Array:
        """Volts at each of `seconds`."""
        found = np.full(seconds.shape, self.volts)
        for begin, volts in self.events:
            found[seconds >= begin] = volts
        if self.beats is not None:
            every, until = self.beats
            found = np.floor(np.minimum(seconds, until) / every) % 2
        return found


class VirtualBoard:
    """Electronics and oscillators under one virtual clock.

    `design` gives the lines' intended gains, `flaws` how this board departs from them. `levels`
    `[output]` are its outputs; `fastest` `[output]` are the largest changes in volts per second
    that they made, `lowest` and `highest` their extremes, and `writes` counts every update, for
    tests that look at the board and not at what the host says.
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
        flaws = flaws or Imperfections()
        self.channels, self.flaws = channels, flaws
        self.truth = true_calibration(design, flaws)
        units = self.truth.units
        self._unit_time = units.time
        sensor = Sensor(flaws.sensor_settling_s / units.time, flaws.clamp_stiffness)
        built = choose_engine(engine, potential, threads)
        self._plant = Plant(potential, built, flaws.seed, sensor, flaws.step_fraction)
        self._rng = np.random.default_rng([flaws.seed, 4])
        self._out = OutputStage(channels, flaws)
        self._in = InputStage(channels, flaws, self._rng)
        drives = [wiring.parameters[name] for name in potential.names]
        numbers = channels.output_numbers
        self._drives = np.array([numbers[name] for name in drives], np.intp)
        self._clamps = np.array([numbers[name] for name in wiring.clamps], np.intp)
        self._enables = np.array([numbers[name] for name in wiring.enables], np.intp)
        self._drive_scale = Scale.of(drives, self.truth, potential)
        self._clamp_scale = Scale.of(wiring.clamps, self.truth, potential)
        self._position_scale = Scale.of(wiring.positions, self.truth, potential)
        self._force_scale = Scale.of(wiring.forces, self.truth, potential)
        self._sensor_of = _sensors(wiring, channels)
        self.outside = {
            # Nothing wired to a digital input reads as high: a pull-up, a closed door.
            channel.name: Outside(1.0 if channel.kind == "digital" else 0.0)
            for channel in channels.inputs
            if channel.name not in wiring.targets
        }
        count = len(channels.outputs)
        self.levels: Volts = np.zeros(count)
        self.fastest, self.lowest, self.highest = np.zeros(count), np.zeros(count), np.zeros(count)
        self.writes = 0
        self.seconds = 0.0
        self._last_write = -np.inf
        self._x = np.zeros((1, potential.oscillators))
        self._shown = self._x
        self._lock = threading.RLock()

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]`."""
        self._note(volts[:, np.newaxis], np.arange(len(volts)), None)
        self.levels[:] = volts
        if self._is_clamped():
            self._shown = self._x = self._held()

    def advance(self, seconds: float) -> None:
        """Let the board's clock run, outputs as they are."""
        if seconds > 0 and not self._is_clamped():
            theta = self._drive_scale.quantity(self._static(self._drives).T).T
            found, self._x = self._plant.free(
                self._x,
                theta,
                np.array([seconds / self._unit_time]),
                [np.array([seconds / self._unit_time])],
                self._shown,
            )
            self._shown = found[-1]
        self.seconds += seconds

    def read(self, inputs: Sequence[str], samples: int, seconds: float | None = None) -> Volts:
        """Readings of the named inputs, `[input, sample]`, at this instant.

        `seconds` may be ahead of the board's clock for lines that no oscillator drives.
        """
        clamped = self._is_clamped()
        x = np.repeat(self._shown, samples, axis=0)
        forces = np.zeros_like(x)
        if clamped:
            theta = self._drive_scale.quantity(self._static(self._drives)[:, 0])
            points = self._clamp_scale.quantity(self._static(self._clamps)[:, 0])
            x = self._plant.clamped(theta, np.repeat(points[np.newaxis], samples, axis=0))
            if self._wants_forces(self._numbers(inputs)):
                forces = self._plant.forces(theta, x)
        times = np.full(samples, self.seconds if seconds is None else seconds)
        return self._sensed(inputs, x, forces, times, 1 / self.channels.max_rate_hz)

    def run(
        self, waveform: Waveform, rate_hz: float, inputs: Sequence[str], read: Indices
    ) -> Volts:
        """Play a waveform: readings `[input, repeat, reading]`, and the clock moves on."""
        period = 1 / rate_hz
        self._note(waveform.levels, waveform.lines, rate_hz)
        read = np.maximum(read - self.flaws.latency_samples, 0)
        at_plant = _AtPlant(self, waveform, period)
        forces_wanted = self._wants_forces(self._numbers(inputs))
        x, forces = self._played(waveform, at_plant, read, period, forces_wanted)
        count = waveform.repeats * len(read)
        begin = np.arange(waveform.repeats)[:, np.newaxis] * waveform.length
        times = self.seconds + ((begin + read + 1) * period).ravel()
        volts = self._sensed(inputs, x.reshape(count, -1), forces.reshape(count, -1), times, period)
        self.seconds += waveform.seconds(rate_hz)
        self._last_write = self.seconds
        self.levels[waveform.lines] = waveform.levels[:, -1]
        return volts.reshape(len(inputs), waveform.repeats, len(read))

    def _played(
        self,
        waveform: Waveform,
        at_plant: _AtPlant,
        read: Indices,
        period: float,
        forces_wanted: bool,
    ) -> tuple[Array, Array]:
        """Sensor positions and forces in core units, `[repeat, reading, oscillator]`."""
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
            self._let_go(waveform, at_plant, group, read, period, x)
        if at_plant.clamped[-1]:
            self._x = self._shown = at_plant.points_after(len(waveform.samples))[np.newaxis]
        return x, forces

    def _clamped_readings(
        self,
        at_plant: _AtPlant,
        steps: NDArray[np.intp],
        since: Array,
        repeats: int,
        forces_wanted: bool,
    ) -> tuple[Array, Array]:
        points = np.tile(at_plant.points_at(steps, since), (repeats, 1))
        theta = at_plant.theta
        settings = np.tile(np.minimum(steps, theta.shape[1] - 1), repeats)
        x, forces = points, np.zeros_like(points)
        if forces_wanted or self.flaws.clamp_stiffness is not None:
            x = points.copy()
            for setting in np.unique(settings):
                rows = settings == setting
                parameters = np.ascontiguousarray(theta[:, setting])
                x[rows] = self._plant.clamped(parameters, points[rows])
                forces[rows] = self._plant.forces(parameters, x[rows])
        if self.flaws.sensor_settling_s:
            left = np.exp(-np.tile(since, repeats) / self.flaws.sensor_settling_s)[:, np.newaxis]
            before = np.tile(at_plant.points_after(steps), (repeats, 1))
            x = x + left * (before - x)
        shape = (repeats, len(steps), -1)
        return x.reshape(shape), forces.reshape(shape)

    def _let_go(
        self,
        waveform: Waveform,
        at_plant: _AtPlant,
        group: list[Episode],
        read: Indices,
        period: float,
        x: Array,
    ) -> None:
        """Free motion of episodes with one and the same drive, as copies side by side."""
        first = group[0]
        fresh = first.start > 0
        repeats = waveform.repeats
        # An episode that nothing clamps first goes on from where the repeat before it ended.
        rounds, together = (1, repeats) if fresh else (repeats, 1)
        begins = waveform.ends - waveform.samples
        stops: list[Array] = []
        rows = [np.arange(*np.searchsorted(read, _span(waveform, each))) for each in group]
        for step in range(first.start, first.stop):
            low, high = np.searchsorted(read, [begins[step], waveform.ends[step]])
            seconds = (read[low:high] + 1 - begins[step]) * period
            stops.append(seconds / self._unit_time)
        durations = waveform.samples[first.start : first.stop] * period / self._unit_time
        theta = at_plant.theta
        held = theta if theta.shape[1] == 1 else theta[:, first.start : first.stop]
        for number in range(rounds):
            if fresh:
                points = np.stack([at_plant.points_after(each.start) for each in group])
                setting = theta[:, min(first.start - 1, theta.shape[1] - 1)]
                start = self._plant.clamped(np.ascontiguousarray(setting), points)
                start, seen = np.repeat(start, together, axis=0), None
            else:
                start, seen = self._x, self._shown
            found, end = self._plant.free(start, held, durations, stops, seen)
            for place, values in enumerate(found):
                shown = values.reshape(len(group), together, -1)
                for which, row in enumerate(rows):
                    if fresh:
                        x[:, row[place]] = shown[which]
                    else:
                        x[number, row[place]] = shown[which, 0]
            self._x = end[-1:]
            self._shown = found[-1][-1:] if found else self._x

    def _sensed(
        self, inputs: Sequence[str], x: Array, forces: Array, times: Array, period: float
    ) -> Volts:
        """Readings `[input, reading]` of positions and forces `[reading, oscillator]`."""
        numbers = self._numbers(inputs)
        units = self._position_scale.volts(x)
        if self.flaws.bath_on_force:
            spread = np.sqrt(2 * self._unit_time / period)
            forces = forces + spread * self._rng.standard_normal(forces.shape)
        reaction = self._force_scale.volts(forces) if len(self._force_scale.gain) else forces
        volts = np.empty((len(numbers), len(times)))
        for row, source in enumerate(self._in.source(numbers).tolist()):
            family, oscillator = self._sensor_of[source]
            if family == POSITION:
                volts[row] = units[:, oscillator]
            elif family == FORCE:
                volts[row] = reaction[:, oscillator]
            else:
                volts[row] = self.outside[self.channels.inputs[source].name].at(times)
        return self._in.readings(volts, numbers, float(times[-1]) if len(times) else 0.0)

    def _numbers(self, inputs: Sequence[str]) -> NDArray[np.intp]:
        return np.array([self.channels.input_numbers[name] for name in inputs], np.intp)

    def _wants_forces(self, numbers: NDArray[np.intp]) -> bool:
        return any(self._sensor_of[n][0] == FORCE for n in self._in.source(numbers).tolist())

    def _static(self, numbers: NDArray[np.intp]) -> Volts:
        return self._out.volts(numbers, lambda wanted: self.levels[wanted, np.newaxis])

    def _is_clamped(self) -> bool:
        on = self._static(self._enables)[:, 0] > 0.5
        if on.any() != on.all():
            raise DeviceFailed("the virtual board cannot clamp some oscillators and free others")
        return bool(on.all())

    def _held(self) -> Array:
        points = self._clamp_scale.quantity(self._static(self._clamps)[:, 0])[np.newaxis]
        if self.flaws.clamp_stiffness is None:
            return points
        theta = self._drive_scale.quantity(self._static(self._drives)[:, 0])
        return self._plant.clamped(theta, points)

    def _note(self, levels: Volts, lines: NDArray[np.intp], rate_hz: float | None) -> None:
        with self._lock:
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


class _AtPlant:
    """A waveform as the plant feels it, in core units."""

    def __init__(self, board: VirtualBoard, waveform: Waveform, period: float) -> None:
        rows = np.full(len(board.levels), -1)
        rows[waveform.lines] = np.arange(len(waveform.lines))

        def raw(numbers: NDArray[np.intp]) -> Volts:
            moved = rows[numbers] >= 0
            if not moved.any():
                return board.levels[numbers, np.newaxis]
            volts = np.repeat(board.levels[numbers, np.newaxis], waveform.levels.shape[1], axis=1)
            volts[moved] = waveform.levels[rows[numbers][moved]]
            return volts

        self._constant = board.flaws.output_settling_s
        self._durations = waveform.samples * period
        take = board._out.volts
        on = take(board._enables, raw) > 0.5
        if (np.logical_or.reduce(on) != np.logical_and.reduce(on)).any():
            raise DeviceFailed("the virtual board cannot clamp some oscillators and free others")
        steps = len(waveform.samples)
        self.clamped = np.repeat(np.logical_and.reduce(on), steps // on.shape[1])
        drives = take(board._drives, raw)
        if drives.shape[1] > 1 and self._constant:
            start = board._static(board._drives)[:, 0]
            starts = lagged_starts(drives, self._durations, start, self._constant)
            drives = lagged_means(drives, starts, self._durations, self._constant)
        self.theta = board._drive_scale.quantity(drives.T).T
        self._points = take(board._clamps, raw)
        start = board._static(board._clamps)[:, 0]
        self._starts = None
        if self._constant:
            self._starts = lagged_starts(self._points, self._durations, start, self._constant)
        self._first = start
        self._scale = board._clamp_scale

    def points_at(self, steps: NDArray[np.intp], since: Array) -> Array:
        """Set-points `[reading, oscillator]`, `since` seconds into `steps`."""
        starts = self._points if self._starts is None else self._starts
        return self._scale.quantity(lagged_at(self._points, starts, steps, since, self._constant).T)

    def points_after(self, step: int | NDArray[np.intp]) -> Array:
        """Set-points as `step` begins: `[oscillator]`, or `[step, oscillator]`."""
        if self._starts is not None:
            return self._scale.quantity(self._starts[:, step].T)
        place = np.minimum(np.asarray(step) - 1, self._points.shape[1] - 1)
        before = self._points[:, np.maximum(place, 0)].T
        first = np.asarray(step)[..., np.newaxis] == 0
        return self._scale.quantity(np.where(first, self._first, before))


def _sensors(wiring: Wiring, channels: ChannelTable) -> list[tuple[str, int]]:
    """What each input senses, and of which oscillator."""
    found: list[tuple[str, int]] = []
    for channel in channels.inputs:
        target = wiring.targets.get(channel.name, "")
        number = int(target[target.index("[") + 1 : -1]) if "[" in target else -1
        found.append((family_of(target), number))
    return found


def _span(waveform: Waveform, episode: Episode) -> tuple[int, int]:
    begin = waveform.ends[episode.start] - waveform.samples[episode.start]
    return int(begin), int(waveform.ends[episode.stop - 1])
