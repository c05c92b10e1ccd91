"""How lines are wired to the array: which output drives what, and how slowly it settles."""

from __future__ import annotations

import numpy as np

from oscilab.errors import DeviceFailed
from oscilab.physics import Potential
from oscilab.types import BoolArray, FloatArray, IndexArray, Volts
from oscilab.wired.calibration import Calibration
from oscilab.wired.channels import ChannelTable
from oscilab.wired.lines import Scale
from oscilab.wired.waveform import Waveform
from oscilab.wired.wiring import FORCE, Wiring, family_of
from oscilab_sim.board.converters import OutputStage, Raw


def lagged_starts(
    levels: FloatArray, durations: FloatArray, start: FloatArray, constant: float
) -> FloatArray:
    """Return the values of lines at the start of each step and at the end, `[line, step + 1]`.

    From `start` `[line]` the lines approach `levels` `[line, step]` (or one step for all) with time
    constant `constant`, for `durations` `[step]`.
    """
    values = np.empty((len(start), len(durations) + 1))
    values[:, 0] = start
    if not constant:
        values[:, 1:] = levels
        return values
    left = np.exp(-durations / constant)
    for step, share in enumerate(left.tolist()):
        level = levels[:, min(step, levels.shape[1] - 1)]
        values[:, step + 1] = level + share * (values[:, step] - level)
    return values


def lagged_means(
    levels: FloatArray, starts: FloatArray, durations: FloatArray, constant: float
) -> FloatArray:
    """Return the mean over each step, `[line, step]`, of lines that start it at `starts`."""
    if not constant:
        return levels
    share = constant / durations * -np.expm1(-durations / constant)
    return levels + share * (starts[:, :-1] - levels)


def lagged_at(
    levels: FloatArray, starts: FloatArray, steps: IndexArray, since: FloatArray, constant: float
) -> FloatArray:
    """Return values `[line, reading]`, `since` seconds after the start of `steps` `[reading]`."""
    at = levels[:, np.minimum(steps, levels.shape[1] - 1)]
    if not constant:
        return at
    return at + np.exp(-since / constant) * (starts[:, steps] - at)


class Soldering:
    """Output numbers of drives, clamps and enables, and the scales of all lines.

    `sensor_of` `[input]` is what each input senses, and on which oscillator.
    """

    def __init__(
        self,
        potential: Potential,
        channels: ChannelTable,
        wiring: Wiring,
        truth: Calibration,
        out: OutputStage,
    ) -> None:
        numbers = channels.output_numbers
        drives = [wiring.parameters[name] for name in potential.names]
        self.out = out
        self.drives = np.array([numbers[name] for name in drives], np.intp)
        self.clamps = np.array([numbers[name] for name in wiring.clamps], np.intp)
        self.enables = np.array([numbers[name] for name in wiring.enables], np.intp)
        self.drive_scale = Scale.of(drives, truth, potential)
        self.clamp_scale = Scale.of(wiring.clamps, truth, potential)
        self.position_scale = Scale.of(wiring.positions, truth, potential)
        self.force_scale = Scale.of(wiring.forces, truth, potential)
        self.sensor_of = _sensors(wiring, channels)

    def volts(self, numbers: IndexArray, levels: Volts) -> Volts:
        """Return the volts at the plant, `[line]`, for output levels `[output]`."""
        return self.out.volts(numbers, lambda wanted: levels[wanted, np.newaxis])[:, 0]

    def parameters(self, levels: Volts) -> FloatArray:
        """Return the parameters `[parameter]` for output levels `[output]`."""
        return self.drive_scale.quantity(self.volts(self.drives, levels))

    def points(self, levels: Volts) -> FloatArray:
        """Return the set-points `[oscillator]` for output levels `[output]`."""
        return self.clamp_scale.quantity(self.volts(self.clamps, levels))

    def is_clamped(self, levels: Volts) -> bool:
        """Return whether the clamps are closed for output levels `[output]`."""
        return bool(_all_or_none(self.volts(self.enables, levels)[:, np.newaxis])[0])

    def reads_forces(self, sources: IndexArray) -> bool:
        """Return whether any of the inputs `sources` is wired to a force sensor."""
        return any(self.sensor_of[number][0] == FORCE for number in sources.tolist())


class AtPlant:
    """A waveform at the plant, in core units.

    `theta` is `[parameter, step]`, or one step where the drive is constant; where outputs lag it
    is each step's mean. `clamped` is `[step]`.
    """

    def __init__(
        self,
        to: Soldering,
        levels: Volts,
        waveform: Waveform,
        period: float,
        settling: float,
        sensor_settling: float,
    ) -> None:
        rows = np.full(len(levels), -1)
        rows[waveform.lines] = np.arange(len(waveform.lines))

        def raw(numbers: IndexArray) -> Volts:
            moved = rows[numbers] >= 0
            if not moved.any():
                return levels[numbers, np.newaxis]
            volts = np.repeat(levels[numbers, np.newaxis], waveform.levels.shape[1], axis=1)
            volts[moved] = waveform.levels[rows[numbers][moved]]
            return volts

        take: Raw = raw
        self._constant = settling
        self._sensor = sensor_settling
        self._durations = durations = waveform.samples * period
        on = _all_or_none(to.out.volts(to.enables, take))
        self.clamped = np.repeat(on, len(waveform.samples) // len(on))
        self._drives = drives = to.out.volts(to.drives, take)
        self._drive_starts = None
        if drives.shape[1] > 1 and settling:
            starts = lagged_starts(drives, durations, to.volts(to.drives, levels), settling)
            drives = lagged_means(drives, starts, durations, settling)
            self._drive_starts = starts
        self.theta = to.drive_scale.quantity(drives.T).T
        self._points = to.out.volts(to.clamps, take)
        self._first = to.volts(to.clamps, levels)
        self._starts = None
        if settling:
            self._starts = lagged_starts(self._points, durations, self._first, settling)
        self._scale = to.clamp_scale
        self._drive_scale = to.drive_scale

    def settings_at(self, steps: IndexArray, since: FloatArray) -> tuple[FloatArray, IndexArray]:
        """Return parameters `[parameter, setting]`, and the setting of each reading.

        A reading is `since` seconds into its step of `steps` `[reading]`.
        """
        if self._drive_starts is None:
            return self.theta, np.minimum(steps, self.theta.shape[1] - 1)
        volts = lagged_at(self._drives, self._drive_starts, steps, since, self._constant)
        return self._drive_scale.quantity(volts.T).T, np.arange(len(steps))

    def points_at(self, steps: IndexArray, since: FloatArray) -> FloatArray:
        """Return set-points `[reading, oscillator]`, `since` seconds into `steps`."""
        starts = self._points if self._starts is None else self._starts
        return self._scale.quantity(lagged_at(self._points, starts, steps, since, self._constant).T)

    def sensor_lag(self, steps: IndexArray, since: FloatArray) -> FloatArray:
        """Return the lag of the sensors behind the clamps, `[reading, oscillator]`."""
        starts = lagged_starts(self._points, self._durations, self._first, self._sensor)
        volts = lagged_at(self._points, starts, steps, since, self._sensor)
        there = self._points[:, np.minimum(steps, self._points.shape[1] - 1)]
        return ((volts - there) / self._scale.gain[:, np.newaxis]).T

    def points_after(self, step: int | IndexArray) -> FloatArray:
        """Return the set-points at the start of `step`: `[oscillator]`, or `[step, oscillator]`."""
        if self._starts is not None:
            return self._scale.quantity(self._starts[:, step].T)
        place = np.minimum(np.asarray(step) - 1, self._points.shape[1] - 1)
        before = self._points[:, np.maximum(place, 0)].T
        first = np.asarray(step)[..., np.newaxis] == 0
        return self._scale.quantity(np.where(first, self._first, before))


def _all_or_none(volts: Volts) -> BoolArray:
    """Return whether all clamps are on, `[step]`, from their enables `[line, step]`."""
    on = volts > 0.5
    if (np.logical_or.reduce(on) != np.logical_and.reduce(on)).any():
        raise DeviceFailed("the virtual board cannot clamp some oscillators and free others")
    return np.logical_and.reduce(on)


def _sensors(wiring: Wiring, channels: ChannelTable) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for channel in channels.inputs:
        target = wiring.targets.get(channel.name, "")
        number = int(target[target.index("[") + 1 : -1]) if "[" in target else -1
        found.append((family_of(target), number))
    return found
