"""Any front end, wired and calibrated, as an array of oscillators."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from oscilab.arrays.description import ArrayDescription, Capability
from oscilab.arrays.readings import ForceReading, PositionReading, Trajectory
from oscilab.arrays.record import DeviceRecord
from oscilab.arrays.seam import Condition
from oscilab.bench.devices import Device
from oscilab.errors import InvalidInput
from oscilab.physics import Potential
from oscilab.physics.protocol import Protocol, Stairs
from oscilab.types import FloatArray
from oscilab.wired.calibration import Calibration
from oscilab.wired.device import ConnectedDevice, Wired, parts_of
from oscilab.wired.front_end import FrontEndCapability, SeededFrontEnd
from oscilab.wired.lines import Lines, describe
from oscilab.wired.plays import Copies, Planner, Timing, noising_setting, repeated
from oscilab.wired.settings import WiredSettings

TIMING = "timing"
"""The detail of an identity by which a front end without a sample clock states its timing."""


class WiredArray:
    """An `OscillatorArray` behind volts. It does not know what its front end is made of.

    Outputs are not touched before the first call that drives, and then go to their safe values
    first. One waveform carries as many clamp points as fit in memory.

    Attributes:
        wired: what it is made of.
        lines: what its lines mean.
        drive: moves its outputs and reads its inputs.
        planner: makes its waveforms.
    """

    Settings = WiredSettings

    def __init__(self, wired: Wired, used: Potential) -> None:
        self._device = ConnectedDevice(wired)
        self.drive = self._device.drive
        try:
            self._read_lines(wired, used)
        except BaseException:
            # The caller gets no array, and could not free the hardware.
            self.release()
            raise

    @classmethod
    def from_device(cls, device: Device, potential: Potential, seed: int) -> WiredArray:
        """Return the array of `device` under `potential`, connected and not yet driven.

        `seed` is for front ends that simulate in this process. It does not reach matter, nor a
        twin, whose seed is its bench's.

        Raises:
            InvalidInput: a bench that cannot be used.
            DeviceFailed: the front end cannot be connected.
        """
        parts = parts_of(device)
        if isinstance(parts.front_end, SeededFrontEnd):
            parts.front_end.reseed(seed)
        return cls(parts, potential)

    @staticmethod
    def check_device(device: Device) -> list[str]:
        """Refuse a device whose description is wrong; return what an operator should know of it.

        Raises:
            InvalidInput: naming what is wrong.
        """
        return parts_of(device).calibration.concerns(device.name, "")

    @property
    def description(self) -> ArrayDescription:
        """Potential, bounds, capabilities and identity."""
        return self._description

    @property
    def calibration(self) -> Calibration:
        """What the lines mean."""
        return self.wired.calibration

    @property
    def calibration_hash(self) -> str:
        """Of the calibration file; empty where nominal gains are assumed."""
        return self.calibration.sha256

    @property
    def faults(self) -> str:
        """The faults put in on purpose, in words."""
        return "; ".join(
            f"{fault.kind} in call {fault.number} of {fault.call}"
            for fault in self.wired.settings.faults
        )

    def measure_forces(self, parameters: ArrayLike, positions: ArrayLike) -> ForceReading:
        """Clamp, settle and average, point after point; see `OscillatorArray`.

        Raises:
            OutOfLimits: a ramp or level that the limits forbid.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        self._description.require(Capability.FORCE_READOUT, purpose="reading forces")
        theta = self._description.check_parameters(parameters)
        points = self._description.check_set_points(positions)
        average, sites = self.planner.average, points.shape[1]
        chunks: list[FloatArray] = []
        if len(points):
            # As `hold`; one call less in every batch.
            self.drive.go_to(self.lines.held(theta, points[0]))
            for play in self.planner.clamped(points, self._sensors):
                volts = self.drive.exchange(play).volts[:, 0]
                if average > 1:
                    volts = volts.reshape(len(volts), -1, average).mean(axis=2)
                chunks.append(volts)
        else:
            chunks.append(np.empty((len(self._sensors), 0)))
        volts = chunks[0] if len(chunks) == 1 else np.concatenate(chunks, axis=1)
        # In place: positions and forces are views of what the front end read.
        found = self.lines.sensor_scale.into_quantity(volts)
        return ForceReading(set_points=points, positions=found[:, :sites], forces=found[:, sites:])

    def relax(
        self, parameters: ArrayLike, positions: ArrayLike, duration: float
    ) -> PositionReading:
        """Clamp, read, release for `duration`, read by the same sensor; see `OscillatorArray`.

        The duration returned is what the clock really gave: its rate is rounded to its timebase.

        Raises:
            InvalidInput: a duration that no waveform of this device can have.
            OutOfLimits: a ramp or level that the limits forbid.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        theta = self._description.check_parameters(parameters)
        points = self._description.check_set_points(positions)
        if not (math.isfinite(duration) and duration > 0):
            raise InvalidInput(f"relaxation time {duration} must be finite and above zero")
        plays = self.planner.released(points, duration, self.wired.name)
        start, end = np.empty_like(points), np.empty_like(points)
        lasted, average = float(duration), self.planner.average
        if len(points):
            self.hold(theta, points[0])
        for chunk, play in plays:
            samples = self.drive.exchange(play)
            volts = samples.volts[:, 0].reshape(len(play.inputs), -1, average + 1)
            self.lines.positions(volts[:, :, :average].mean(axis=2), start[chunk])
            self.lines.positions(volts[:, :, average], end[chunk])
            lasted = duration * play.rate_hz / samples.rate_hz
        return PositionReading(set_points=points, start=start, end=end, duration=lasted)

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
        shortest slice where the front end is fast enough; the times returned are those that the
        clock really had. Work and heat come from the measured positions at every switch of the
        drive.

        Raises:
            InvalidInput: a protocol or a number of copies that cannot be played.
            OutOfLimits: a slice that is too short for its ramp, with the number.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        description = self._description
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
        timing = self.planner.timing(protocol, stairs, record_every, self.calibration.response_s)
        found = Copies(description.potential, stairs, timing, number)
        if starts is None:
            longer = self._play_from_noise(protocol, stairs, timing, found)
        else:
            longer = self._play_from_starts(stairs, timing, starts, found)
        return Trajectory(timing.times * longer, found.positions, found.work, found.heat)

    def hold(self, parameters: FloatArray, set_points: FloatArray) -> None:
        """Engage the clamps, and ramp to `parameters` and `set_points` `[oscillator]`."""
        self.drive.go_to(self.lines.held(parameters, set_points))

    def make_safe(self) -> None:
        """Ramp every output to its safe value, if this array ever drove one; idempotent."""
        self.drive.make_safe()

    def stop(self, reason: BaseException) -> None:
        """Make safe at once, from any thread; see `Supervised`."""
        self.drive.stop(reason)

    def look(self) -> None:
        """Check that outputs may stay as they are; see `Supervised`."""
        self.drive.look()

    def condition(self) -> Condition:
        """Return outputs and interlocks as last known; see `Supervised`."""
        return self.drive.condition()

    def close(self) -> None:
        """Make safe and release the front end; idempotent."""
        try:
            self.drive.make_safe()
        finally:
            self.release()

    def release(self) -> None:
        """Release the front end, outputs as they are; idempotent."""
        self._device.release()

    def recalibrated(self, calibration: Calibration) -> WiredArray:
        """Return this array with another reading of its lines.

        Both share the connection: to close one closes the other.

        Raises:
            InvalidInput: a calibration that leaves nothing of a parameter's range.
        """
        other = copy(self)
        other._read_lines(replace(self.wired, calibration=calibration), self.lines.used)
        return other

    def record(self) -> DeviceRecord:
        """Return its lines and their calibration, for run files."""
        return self.wired.record()

    def plan(self, points: int, played: float) -> dict[str, str]:
        """Return what driving will do to the hardware, in words: `points` clamped, `played` array
        time. Nothing is driven.
        """
        limits, lines, box = self.drive.limits, self.lines, self._description.box
        channels = self.wired.front_end.channels
        levels = [
            lines.parameter_scale.volts(box.lower),
            lines.parameter_scale.volts(box.upper),
            lines.clamp_scale.volts(self._description.clamp_lower),
            lines.clamp_scale.volts(self._description.clamp_upper),
        ]
        largest = max(float(np.abs(volts).max(initial=0)) for volts in levels)
        slew = limits.slew[limits.wired & ~channels.digital_outputs]
        rate = self.planner.fastest_hz
        step = (self.planner.settle_samples(rate) + self.planner.average) / rate
        seconds = points * step + played * lines.units.time
        outputs = [channels.outputs[number].name for number in np.flatnonzero(limits.wired)]
        found = {
            "outputs": f"{len(outputs)}, {outputs[0]} to {outputs[-1]}, go to their safe values "
            "first and last",
            "volts": f"at most {largest:.4g} V, at most {slew.max():.3g} V/s",
            "driving": f"{_in_words(seconds)} or more, at most {rate:g} samples/s",
        }
        names = ", ".join(self.drive.interlocks.locks)
        if names:
            found["interlocks"] = f"{names}, {self.drive.watching}"
        identity = self._description.identity
        if TIMING in identity.details:
            found[TIMING] = identity.details[TIMING]
        concerns = self.calibration.concerns(self.wired.name, identity.serial)
        if concerns:
            found["mind"] = "; ".join(concerns)
        return found

    def _read_lines(self, wired: Wired, used: Potential) -> None:
        """Take the meaning of the lines from the calibration of `wired`."""
        channels = wired.front_end.channels
        self.wired = wired
        self._sensors = (*wired.wiring.positions, *wired.wiring.forces)
        self.lines = Lines(wired.potential, used, wired.wiring, wired.calibration, channels)
        fastest = float(min(wired.settings.rate_hz or np.inf, channels.max_rate_hz))
        self.planner = Planner(self.lines, wired.limits.slew, wired.settings, fastest)
        identity = self._device.identity
        # Where the data come from; a driver cannot tell a twin from hardware.
        identity = replace(identity, simulated=identity.simulated or wired.is_twin)
        is_timed = FrontEndCapability.HARDWARE_TIMED in wired.front_end.capabilities
        self._description = describe(self.lines, wired.limits, wired.settings, identity, is_timed)

    def _play_from_noise(
        self, protocol: Protocol, stairs: Stairs, timing: Timing, found: Copies
    ) -> float:
        """Return how much longer than asked for the clock made each playback."""
        longer = 1.0
        noising = noising_setting(self._description.potential, protocol)
        theta = self._description.check_parameters(noising)
        origin = np.zeros(self._description.potential.oscillators)
        play, most = self.planner.from_noise(protocol, stairs, timing, theta)
        self.hold(theta, origin)
        while found.missing:
            samples = self.drive.exchange(repeated(play, min(most, found.missing)))
            found.add(self.lines.positions(samples.volts))
            longer = play.rate_hz / samples.rate_hz
            self.hold(theta, origin)
        return longer

    def _play_from_starts(
        self, stairs: Stairs, timing: Timing, starts: FloatArray, found: Copies
    ) -> float:
        """Return how much longer than asked for the clock made each playback."""
        longer = 1.0
        for batch, play in self.planner.from_starts(stairs, timing, starts):
            self.hold(stairs.parameters[0], batch[0])
            samples = self.drive.exchange(play)
            volts = samples.volts[:, 0].reshape(len(play.inputs), len(batch), -1)
            found.add(self.lines.positions(volts))
            longer = play.rate_hz / samples.rate_hz
        self.hold(stairs.parameters[0], starts[-1])
        return longer


def _number_of_copies(copies: int | None, initial: FloatArray | None) -> int:
    given = copies if initial is None else len(initial)
    if given is None or given < 1:
        raise InvalidInput(f"a playback of {copies} copies is empty; give copies or initial")
    if copies is not None and copies != given:
        raise InvalidInput(f"copies is {copies} but initial has {given} rows; give one of them")
    return given


def _in_words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
