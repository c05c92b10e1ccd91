"""Any front end, wired and calibrated, as an array of oscillators."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oscilab.arrays.description import ArrayDescription, Capability
from oscilab.arrays.readings import ForceReading, PositionReading, Trajectory
from oscilab.arrays.record import DeviceRecord
from oscilab.errors import InvalidInput
from oscilab.physics import Potential
from oscilab.physics.protocol import Protocol
from oscilab.wired.calibration import Calibration
from oscilab.wired.drive import Drive
from oscilab.wired.front_end import FrontEndCapability
from oscilab.wired.lines import Lines, describe
from oscilab.wired.lock import DeviceLock
from oscilab.wired.opening import Wired, check_wired, wired_device
from oscilab.wired.plan import hardware_plan
from oscilab.wired.playback import play_protocol
from oscilab.wired.ramps import with_ramps
from oscilab.wired.record import device_record
from oscilab.wired.settings import WiredSettings
from oscilab.wired.waveform import Waveform

LARGEST = 1 << 22
"""Numbers that one waveform's levels or one exchange's readings may hold."""
Array = NDArray[np.floating]


class WiredArray:
    """An `OscillatorArray` behind volts. It does not know what its front end is made of.

    Outputs are not touched before the first call that drives, and then go to their safe values
    first. One waveform carries as many clamp points as fit in memory.
    """

    Settings = WiredSettings
    from_device = staticmethod(wired_device)
    check_device = staticmethod(check_wired)

    def __init__(self, wired: Wired, used: Potential) -> None:
        self.wired = wired
        self._settings = wired.settings
        self.drive = Drive(
            wired.front_end,
            wired.limits,
            wired.interlocks,
            wired.name,
            assume_safe=wired.settings.start == "assume-safe",
        )
        channels = wired.front_end.channels
        self.lines = Lines(wired.potential, used, wired.wiring, wired.calibration, channels)
        self._rate = min(self._settings.rate_hz or np.inf, channels.max_rate_hz)
        timed = FrontEndCapability.HARDWARE_TIMED in wired.front_end.capabilities
        hardware = wired.front_end.hardware
        self._lock = DeviceLock(hardware, wired.name) if hardware else None
        try:
            identity = wired.front_end.connect()
        except BaseException:
            self._unlock()
            raise
        # Where the data come from; a driver cannot tell a twin from hardware.
        self._identity = replace(identity, simulated=identity.simulated or wired.is_twin)
        self._description = describe(
            self.lines, wired.limits, self._settings, self._identity, timed
        )

    @property
    def description(self) -> ArrayDescription:
        """Potential, bounds, capabilities and identity."""
        return self._description

    @property
    def calibration(self) -> Calibration:
        """What the lines mean."""
        return self.wired.calibration

    def measure_forces(self, parameters: ArrayLike, positions: ArrayLike) -> ForceReading:
        """Clamp, settle, average, point after point; see `OscillatorArray`.

        Raises:
            OutOfLimits: a ramp or level that the limits forbid.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        self._description.require(Capability.FORCE_READOUT, purpose="reading forces")
        theta = self._description.check_parameters(parameters)
        points = self._description.check_set_points(positions)
        measured, forces = np.empty_like(points), np.empty_like(points)
        inputs = [*self.wired.wiring.positions, *self.wired.wiring.forces]
        settle, average = self._settle_samples(self._rate), self._settings.average
        for chunk in self._chunks(
            len(points), len(inputs) * average, (settle + average) / self._rate
        ):
            if chunk.start == 0:
                self._hold(theta, points[0])
            steps = np.full(chunk.stop - chunk.start, settle + average, np.int64)
            levels = self.lines.clamp_scale.volts(points[chunk]).T
            volts = self._clamped(levels, steps, average, inputs)
            mean = volts.reshape(len(inputs), len(steps), average).mean(axis=2)
            half = len(self.wired.wiring.positions)
            measured[chunk] = self.lines.positions(mean[:half])
            forces[chunk] = self.lines.forces(mean[half:])
        return ForceReading(set_points=points, positions=measured, forces=forces)

    def relax(
        self, parameters: ArrayLike, positions: ArrayLike, duration: float
    ) -> PositionReading:
        """Clamp, read, release for `duration`, read by the same sensor; see `OscillatorArray`.

        Raises:
            OutOfLimits: a ramp or level that the limits forbid.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        theta = self._description.check_parameters(parameters)
        points = self._description.check_set_points(positions)
        if not (math.isfinite(duration) and duration > 0):
            raise InvalidInput(f"relaxation time {duration} must be finite and above zero")
        seconds = duration * self.lines.units.time
        # Rounded down, and the clock slowed to fit: never faster than it can be.
        free = math.floor(seconds * self._rate + 1e-6)
        if free < 1:
            raise InvalidInput(
                f"relaxation time {duration:g} is {seconds:.3g} s, shorter than one sample of "
                f"{1 / self._rate:.3g} s; relax for longer, or use a slower array"
            )
        rate = min(free / seconds, self.rate_hz)
        start, end = np.empty_like(points), np.empty_like(points)
        average = self._settings.average
        held = self._settle_samples(rate) + average
        inputs = self.wired.wiring.positions
        for chunk in self._chunks(len(points), len(inputs) * (average + 1), (held + free) / rate):
            if chunk.start == 0:
                self._hold(theta, points[0])
            volts = self._released(points[chunk], held, free, rate, average)
            start[chunk] = self.lines.positions(volts[:, :, :average].mean(axis=2))
            end[chunk] = self.lines.positions(volts[:, :, average])
        return PositionReading(set_points=points, start=start, end=end, duration=float(duration))

    def play(
        self,
        protocol: Protocol,
        *,
        copies: int | None = None,
        initial: ArrayLike | None = None,
        record_every: float | None = None,
    ) -> Trajectory:
        """Play a protocol on all lines, copy after copy; see `OscillatorArray`.

        Instants are rounded to the sample clock, which has `samples_per_slice` samples in the
        shortest slice where the front end is fast enough. Work and heat come from the measured
        positions at every switch of the drive.

        Raises:
            OutOfLimits: a slice that is too short for its ramp, with the number.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        return play_protocol(self, protocol, copies, initial, record_every)

    def make_safe(self) -> None:
        """Ramp every output to its safe value, if this array ever drove one; idempotent."""
        self.drive.make_safe()

    def close(self) -> None:
        """Make safe and let go of the front end; idempotent."""
        try:
            self.drive.make_safe()
        finally:
            self.let_go()

    def recalibrated(self, calibration: Calibration) -> WiredArray:
        """This array, still connected, with another reading of its lines.

        Raises:
            InvalidInput: a calibration that leaves nothing of a parameter's range.
        """
        other = copy(self)
        other.wired = replace(self.wired, calibration=calibration)
        channels = self.wired.front_end.channels
        other.lines = Lines(
            self.wired.potential, self.lines.used, self.wired.wiring, calibration, channels
        )
        timed = FrontEndCapability.HARDWARE_TIMED in self.wired.front_end.capabilities
        other._description = describe(
            other.lines, self.wired.limits, self._settings, self._identity, timed
        )
        return other

    def let_go(self) -> None:
        """Let go of the front end, outputs as they are; idempotent."""
        self.drive.let_go()
        self.wired.front_end.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    @property
    def calibration_hash(self) -> str:
        """Of the calibration file, empty where nominal gains are assumed."""
        return self.calibration.sha256

    @property
    def faults(self) -> str:
        """The faults put in on purpose, in words."""
        return "; ".join(
            f"{fault.kind} in call {fault.number} of {fault.call}"
            for fault in self._settings.faults
        )

    def record(self) -> DeviceRecord:
        """Its lines and their calibration, for run files."""
        return device_record(self.wired)

    def plan(self, points: int, played: float) -> dict[str, str]:
        """What driving will do to the hardware, for people: `points` clamped, `played` array time.

        Nothing is driven.
        """
        return hardware_plan(self, points, played)

    def hold(self, parameters: Array, set_points: Array) -> None:
        """Engage the clamps and ramp to `parameters` and `set_points` `[oscillator]`."""
        self._hold(parameters, set_points)

    @property
    def rate_hz(self) -> float:
        """The fastest sample clock."""
        return float(self._rate)

    def settle_samples(self, rate_hz: float) -> int:
        """Samples to wait after a clamp step."""
        return self._settle_samples(rate_hz)

    def _hold(self, parameters: Array, set_points: Array) -> None:
        levels = self.drive.outputs.levels
        self.drive.go_to(self.lines.held(parameters, set_points, levels))

    def _settle_samples(self, rate_hz: float) -> int:
        return math.ceil(self._settings.settle_s * rate_hz - 1e-9)

    def _chunks(self, points: int, numbers: int, seconds: float) -> Iterator[slice]:
        most = min(LARGEST // max(numbers, 1), int(self._settings.longest_s / seconds))
        size = max(1, most)
        for first in range(0, points, size):
            yield slice(first, min(first + size, points))

    def _clamped(
        self, levels: Array, steps: NDArray[np.int64], average: int, inputs: list[str]
    ) -> Array:
        clamps = self.lines.clamps
        start = self.drive.outputs.levels[clamps]
        ramped = with_ramps(levels, steps, start, self.drive.limits.slew[clamps], self._rate)
        waveform = Waveform(clamps, ramped.levels, ramped.samples)
        read = _before(ramped.ends, average)
        return self.drive.exchange(waveform, self._rate, inputs, read)[:, 0]

    def _released(self, points: Array, held: int, free: int, rate: float, average: int) -> Array:
        """Volts `[oscillator, point, reading]`: `average` readings clamped, the last released."""
        lines = np.concatenate([self.lines.clamps, self.lines.enables])
        volts = self.lines.clamp_scale.volts(points).T
        count = len(points)
        levels = np.ones((len(lines), 2 * count + 1))
        levels[: len(volts), 0:-1:2] = levels[: len(volts), 1::2] = volts
        levels[: len(volts), -1] = volts[:, -1]
        # Clamps let go on every second step; at the end they hold again.
        levels[len(volts) :, 1::2] = 0.0
        samples = np.full(2 * count + 1, held, np.int64)
        samples[1::2] = free
        start = self.drive.outputs.levels[lines]
        ramped = with_ramps(levels, samples, start, self.drive.limits.slew[lines], rate)
        waveform = Waveform(lines, ramped.levels, ramped.samples)
        ends = ramped.ends[:-1].reshape(count, 2)
        clamped = _before(ends[:, 0], average).reshape(count, average)
        read = np.concatenate([clamped, ends[:, 1:] - 1], axis=1).ravel()
        inputs = self.wired.wiring.positions
        found = self.drive.exchange(waveform, rate, inputs, read)[:, 0]
        return found.reshape(len(inputs), count, average + 1)


def _before(ends: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The last `count` samples before each of `ends`, in order."""
    return (ends[:, np.newaxis] - np.arange(count, 0, -1)).ravel()
