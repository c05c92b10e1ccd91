"""A simulated array of overdamped oscillators, behind the same seam as real ones."""

from __future__ import annotations

import math
import os

import numpy as np
from numpy.typing import ArrayLike

from oscilab.arrays.description import ArrayDescription, Capability, Identity
from oscilab.arrays.readings import ForceReading, PositionReading, Trajectory
from oscilab.bench.devices import Device
from oscilab.errors import InvalidInput
from oscilab.physics.box import ParameterBox
from oscilab.physics.potential import Potential
from oscilab.physics.protocol import Protocol, Stairs, noising_parameters
from oscilab.types import Float64Array
from oscilab_sim.engine import Engine, Positions
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.motion import Motion
from oscilab_sim.playback import play_stairs, record_times
from oscilab_sim.settings import SimulatedSettings
from oscilab_sim.streams import RandomStreams, Stream

PREPARATION = 6.0
"""Relaxation times spent in the noising potential before playback; e^-12 of the start is left."""
CAPABILITIES = frozenset(Capability) - {Capability.HARDWARE_TIMED}


class SimulatedArray:
    """Overdamped oscillators in a bath, dx = -grad U dt + sqrt(2 T) dW, with exact clamps.

    Positions are in thermal amplitudes, time in relaxation times of a unit spring. Readings depend
    on the seed, on the readings taken before and on nothing else, bit for bit.

    Raises:
        InvalidInput: a negative seed, an unknown family in `settings.ranges`, or an engine that
            cannot serve.
    """

    Settings = SimulatedSettings

    def __init__(
        self,
        potential: Potential,
        *,
        seed: int = 0,
        settings: SimulatedSettings | None = None,
        name: str = "sim",
    ) -> None:
        self._settings = settings or SimulatedSettings()
        self._streams = RandomStreams(seed)
        self._engine = choose_engine(
            self._settings.engine, potential, self._settings.threads or _cores()
        )
        reach = np.full(potential.oscillators, self._settings.clamp)
        self._description = ArrayDescription(
            potential=potential,
            box=ParameterBox.of_ranges(potential, self._settings.ranges),
            clamp_lower=-reach,
            clamp_upper=reach,
            capabilities=CAPABILITIES,
            identity=Identity(
                name=name, kind="simulated", simulated=True, details={"engine": self._engine.name}
            ),
            time_scale=1.0,
            temperature=self._settings.temperature,
        )

    @classmethod
    def from_device(cls, device: Device, potential: Potential, seed: int) -> SimulatedArray:
        """Return the array that the device's settings describe.

        Raises:
            InvalidInput: an unknown key or a value that cannot be used.
        """
        settings = SimulatedSettings.of_table(device.table.settings, device.name)
        return cls(potential, seed=seed, settings=settings, name=device.name)

    @staticmethod
    def check_device(device: Device) -> list[str]:
        """Return no warnings: nothing but settings, topology and terms, which are checked."""
        return []

    @property
    def description(self) -> ArrayDescription:
        """Potential, bounds, capabilities and identity."""
        return self._description

    @property
    def engine(self) -> Engine:
        """What computes forces, energies and motion."""
        return self._engine

    def measure_forces(self, parameters: ArrayLike, positions: ArrayLike) -> ForceReading:
        """Return forces at set-points `positions` `[batch, oscillator]`; see `OscillatorArray`.

        With `averaging_time` they carry thermal noise of variance 2 T / averaging_time, the bath's
        force averaged over that time.
        """
        theta = self._description.check_parameters(parameters)
        points = self._description.check_set_points(positions)
        forces = self._engine.forces(theta, points)
        averaged = self._settings.averaging_time
        if averaged is not None:
            spread = math.sqrt(2 * self._settings.temperature / averaged)
            forces += spread * self._streams.next().normals().standard_normal(forces.shape)
        return ForceReading(set_points=points, positions=points.copy(), forces=forces)

    def relax(
        self, parameters: ArrayLike, positions: ArrayLike, duration: float
    ) -> PositionReading:
        """Return positions before and after `duration` of free motion; see `OscillatorArray`.

        Raises:
            DeviceFailed: an oscillator ran away.
        """
        theta = self._description.check_parameters(parameters)
        points = self._description.check_set_points(positions)
        if not (math.isfinite(duration) and duration > 0):
            raise InvalidInput(f"relaxation time {duration} must be finite and above zero")
        motion = self._release(points, self._streams.next())
        start = motion.positions()
        motion.hold(theta, duration)
        return PositionReading(
            set_points=points,
            start=start.astype(np.float64),
            end=motion.positions().astype(np.float64),
            duration=float(duration),
        )

    def play(
        self,
        protocol: Protocol,
        *,
        copies: int | None = None,
        initial: ArrayLike | None = None,
        record_every: float | None = None,
    ) -> Trajectory:
        """Return positions while a protocol is played; see `OscillatorArray`.

        Raises:
            DeviceFailed: an oscillator ran away.
        """
        stairs = self._checked_stairs(protocol)
        starts = None if initial is None else self._description.check_set_points(initial)
        number = _number_of_copies(copies, starts)
        oscillators = self._description.potential.oscillators
        times = record_times(protocol.duration, record_every, 4 * number * oscillators)
        if starts is None:
            trap = self._noising_trap(protocol)
            motion = self._release(np.zeros((number, oscillators)), self._streams.next())
            motion.hold(trap, PREPARATION / trap.max())
        else:
            motion = self._release(starts, self._streams.next())
        return play_stairs(stairs, motion, self._engine, times)

    def make_safe(self) -> None:
        """Do nothing: no output of a simulation outlives the call that drove it."""

    def save_state(self) -> bytes:
        """Return everything that the next reading depends on, 28 bytes."""
        return self._streams.save()

    def restore_state(self, state: bytes) -> None:
        """Continue from `save_state`'s answer, bit for bit.

        Raises:
            InvalidInput: not such a state.
        """
        self._streams.restore(state)

    def _checked_stairs(self, protocol: Protocol) -> Stairs:
        own, given = self._description.potential.parameters, protocol.parameters.shape[1]
        if given != own:
            name = self._description.identity.name
            raise InvalidInput(
                f"the protocol has {given} parameters, device {name} has {own}; play it on the "
                "topology and terms that it was trained for"
            )
        stairs = protocol.stairs()
        for parameters in stairs.parameters:
            self._description.check_parameters(parameters)
        return stairs

    def _noising_trap(self, protocol: Protocol) -> Float64Array:
        # The noise has unit variance; a bath of temperature D makes it in a spring of stiffness D.
        stiffness = protocol.noising.temperature or 1.0
        unit = noising_parameters(self._description.potential)
        return self._description.check_parameters(stiffness * unit)

    def _release(self, positions: Positions, stream: Stream) -> Motion:
        description = self._description
        copies = self._engine.release(positions, stream)
        return Motion(
            copies,
            description.potential,
            description.identity.name,
            description.temperature,
            self._settings.step_fraction,
        )


def _number_of_copies(copies: int | None, initial: Float64Array | None) -> int:
    given = copies if initial is None else len(initial)
    if given is None or given < 1:
        raise InvalidInput(f"a playback of {copies} copies is empty; give copies or initial")
    if copies is not None and copies != given:
        raise InvalidInput(f"copies is {copies} but initial has {given} rows; give one of them")
    return given


def _cores() -> int:
    # Unlike the number of cores, the affinity respects containers and batch systems.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
