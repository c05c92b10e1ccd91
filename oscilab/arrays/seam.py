"""The array seam: an array of oscillators, in dimensionless physics.

Everything above it (learning rules, experiments, run files) sees positions in thermal amplitudes,
forces in kT per amplitude and time in relaxation times of a unit spring, and never asks whether
the array is real or simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from oscilab.arrays.description import ArrayDescription
from oscilab.arrays.readings import ForceReading, PositionReading, Trajectory
from oscilab.physics.protocol import Protocol as DrivingProtocol


@runtime_checkable
class OscillatorArray(Protocol):
    """A driven array that can be clamped, released, played and made safe."""

    @property
    def description(self) -> ArrayDescription:
        """Potential, box and clamp bounds, capabilities, time scale, identity."""
        ...

    def measure_forces(self, parameters: ArrayLike, positions: ArrayLike) -> ForceReading:
        """Clamp at `positions` `[batch, oscillator]`, settle, read the forces.

        `parameters` `[parameter]` are held during the measurement.

        Raises:
            OutOfBox, OutOfClamp, InvalidInput: before anything is driven.
            CannotDo: the array cannot read forces.
        """
        ...

    def relax(
        self, parameters: ArrayLike, positions: ArrayLike, duration: float
    ) -> PositionReading:
        """Clamp at `positions`, read, release, wait `duration` (array time), read again.

        Raises:
            OutOfBox, OutOfClamp, InvalidInput: before anything is driven.
            CannotDo: the array cannot release its clamps.
        """
        ...

    def play(
        self,
        protocol: DrivingProtocol,
        *,
        copies: int | None = None,
        initial: ArrayLike | None = None,
        record_every: float | None = None,
    ) -> Trajectory:
        """Play a protocol and read the positions of the oscillators.

        The start is `initial` `[copy, oscillator]`, or `copies` thermal starts, prepared by
        relaxing at least five relaxation times in the noising potential. Positions are recorded
        at the start, at every `record_every` of array time if given, and at the end.

        Raises:
            OutOfBox, InvalidInput: before anything is driven.
            CannotDo: the array cannot play.
        """
        ...

    def make_safe(self) -> None:
        """Bring every output to its safe value; idempotent, callable at any time."""
        ...


@runtime_checkable
class Hardware(Protocol):
    """An array on a device, which must be released, and about which its user should be warned."""

    @property
    def calibration_hash(self) -> str:
        """The hash of the calibration in use, empty where there is none."""
        ...

    @property
    def faults(self) -> str:
        """Faults that were injected on purpose, in words; empty where there are none."""
        ...

    def plan(self, points: int, played: float) -> dict[str, str]:
        """Return, by name, what the hardware does when it clamps `points` points and plays for
        `played` (array time).
        """
        ...

    def close(self) -> None:
        """Make safe and release the device; idempotent."""
        ...


@dataclass(frozen=True)
class InterlockState:
    """An interlock as it was last read; `reads` and `satisfied` are None before that."""

    name: str
    channel: str
    demand: str
    reads: float | None
    satisfied: bool | None


@dataclass(frozen=True)
class Condition:
    """Outputs and interlocks as last known, for an operator.

    `nearest` is the output that is nearest to a limit, at `volts` between `lower` and `upper`;
    these are None where they are not known. `watching` says when the host looks at interlocks.
    """

    outputs: int
    is_safe: bool
    nearest: str
    volts: float | None
    lower: float | None
    upper: float | None
    watching: str
    interlocks: tuple[InterlockState, ...]


@runtime_checkable
class Supervised(Protocol):
    """An array whose outputs an operator can stop, from another thread than the one that drives."""

    def stop(self, reason: BaseException) -> None:
        """Bring every output to its safe value, whatever plays; nothing drives afterwards.

        May be called from any thread. In the thread that drives, `reason` is raised, now or in its
        next call.
        """
        ...

    def look(self) -> None:
        """Look at the interlocks, and return if outputs may be held as they are.

        Raises:
            InterlockTripped: outputs are safe then.
        """
        ...

    def condition(self) -> Condition:
        """Return what is known, from any thread; nothing is read or driven."""
        ...


@runtime_checkable
class SavedState(Protocol):
    """An array whose random state can be saved and restored exactly."""

    def save_state(self) -> bytes:
        """Return everything that the next reading depends on, in a fixed number of bytes."""
        ...

    def restore_state(self, state: bytes) -> None:
        """Continue from a state that `save_state` returned, bit for bit."""
        ...
