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
from oscilab.errors import InvalidInput
from oscilab.physics import Potential
from oscilab.physics.protocol import Protocol
from oscilab.types import FloatArray
from oscilab.wired.calibration import Calibration
from oscilab.wired.condition import condition_of
from oscilab.wired.front_end import FrontEndCapability
from oscilab.wired.hold import Hold
from oscilab.wired.lines import Lines, describe
from oscilab.wired.opening import Wired, check_wired, wired_device
from oscilab.wired.plan import hardware_plan
from oscilab.wired.playback import play_protocol
from oscilab.wired.points import clamped_readings, released_readings
from oscilab.wired.record import device_record
from oscilab.wired.scratch import Scratch
from oscilab.wired.settings import WiredSettings


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
        channels = wired.front_end.channels
        self.lines = Lines(wired.potential, used, wired.wiring, wired.calibration, channels)
        self._sensors = (*wired.wiring.positions, *wired.wiring.forces)
        self.scratch = Scratch()
        self._rate = min(self._settings.rate_hz or np.inf, channels.max_rate_hz)
        timed = FrontEndCapability.HARDWARE_TIMED in wired.front_end.capabilities
        self._hold = Hold(wired)
        self.drive = self._hold.drive
        identity = self._hold.identity
        # Where the data come from; a driver cannot tell a twin from hardware.
        self._identity = replace(identity, simulated=identity.simulated or wired.is_twin)
        try:
            self._description = describe(
                self.lines, wired.limits, self._settings, self._identity, timed
            )
        except BaseException:
            # Nobody gets this array, so that nobody else could let go of the hardware.
            self.let_go()
            raise

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
        volts = clamped_readings(self, theta, points, self._sensors)
        measured, forces = self.lines.into_readings(volts)
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
        start, end = np.empty_like(points), np.empty_like(points)
        lasted = float(duration)
        for chunk, clamped, released, longer in released_readings(self, theta, points, duration):
            lasted = duration * longer
            self.lines.positions(clamped, start[chunk])
            self.lines.positions(released, end[chunk])
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

    def stop(self, reason: BaseException) -> None:
        """Safe state at once, from any thread; see `Supervised`."""
        self.drive.stop(reason)

    def look(self) -> None:
        """Whether outputs may stay as they are; see `Supervised`."""
        self.drive.look()

    def condition(self) -> Condition:
        """Outputs and interlocks as last known; see `Supervised`."""
        return condition_of(self.drive)

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
        self._hold.let_go()

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

    def hold(self, parameters: FloatArray, set_points: FloatArray) -> None:
        """Engage the clamps and ramp to `parameters` and `set_points` `[oscillator]`."""
        levels = self.drive.outputs.levels
        self.drive.go_to(self.lines.held(parameters, set_points, levels))

    @property
    def rate_hz(self) -> float:
        """The fastest sample clock."""
        return float(self._rate)

    def settle_samples(self, rate_hz: float) -> int:
        """Samples to wait after a clamp step."""
        return math.ceil(self._settings.settle_s * rate_hz - 1e-9)
