"""What an array says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from oscilab.errors import CannotDo, InvalidInput, OutOfClamp
from oscilab.physics.box import ParameterBox
from oscilab.physics.confinement import Confinement
from oscilab.physics.potential import Potential
from oscilab.types import Float64Array


class Capability(StrEnum):
    """One vocabulary for learning rules, the contract suite and the CLI."""

    FORCE_READOUT = "force_readout"
    """Forces on clamped oscillators can be read."""
    CLAMP = "clamp"
    """Oscillators can be held at set-points."""
    RELEASE = "release"
    """Clamps can be released, and positions be read before and after."""
    PLAY = "play"
    """A protocol can be played from a thermal start, and the end read."""
    HARDWARE_TIMED = "hardware_timed"
    """Playback is timed by a clock of the hardware."""
    SAVED_STATE = "saved_state"
    """The array's random state can be saved and restored, so that a run resumes exactly."""


@dataclass(frozen=True)
class Identity:
    """Which device this is; `simulated` marks data that no hardware made."""

    name: str
    kind: str
    serial: str = ""
    simulated: bool = True
    details: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, eq=False)
class ArrayDescription:
    """Potential, bounds, capabilities, time scale and identity of one array.

    `clamp_lower` and `clamp_upper` `[oscillator]` are the set-points that the clamps can hold, in
    thermal amplitudes. `time_scale` is the seconds that one unit of array time takes;
    `temperature` is kT of the bath over the kT that defines the units.
    """

    potential: Potential
    box: ParameterBox
    clamp_lower: Float64Array
    clamp_upper: Float64Array
    capabilities: frozenset[Capability]
    identity: Identity
    time_scale: float = 1.0
    temperature: float = 1.0

    def offers(self, *needed: Capability) -> bool:
        """Whether the array has every capability named."""
        return set(needed) <= self.capabilities

    def require(self, *needed: Capability, purpose: str) -> None:
        """Refuse what the array cannot do.

        Raises:
            CannotDo: naming the purpose and the capabilities that are missing.
        """
        missing = {*needed} - self.capabilities
        if missing:
            raise CannotDo(
                f"{purpose} needs {', '.join(sorted(missing))}, which device "
                f"{self.identity.name} lacks; "
                f"it offers {', '.join(sorted(self.capabilities)) or 'nothing'}"
            )

    @cached_property
    def _tightest_clamp(self) -> tuple[float, float]:
        """Bounds within which a set-point suits every oscillator: a quick check of most batches."""
        return float(self.clamp_lower.max()), float(self.clamp_upper.min())

    @cached_property
    def _confinement(self) -> Confinement:
        return Confinement(self.potential)

    def check_parameters(self, parameters: ArrayLike) -> Float64Array:
        """Return `parameters` `[parameter]`, if they are finite, in the box and confining.

        Raises:
            OutOfBox: naming the parameter or oscillator.
        """
        vector = self.box.check(parameters)
        self._confinement.check(vector)
        return vector

    def check_set_points(self, positions: ArrayLike) -> Float64Array:
        """Return `positions` `[batch, oscillator]`, if finite and within the clamps' reach.

        Raises:
            InvalidInput: another shape.
            OutOfClamp: naming the first oscillator, its value and the bound.
        """
        points = np.asarray(positions, np.float64)
        if points.ndim != 2 or points.shape[1] != self.potential.oscillators:
            raise InvalidInput(
                f"set-points have shape {points.shape}; device {self.identity.name} needs "
                f"[batch, {self.potential.oscillators}]"
            )
        lower, upper = self._tightest_clamp
        if not points.size or (points.min() >= lower and points.max() <= upper):
            return points
        inside = (points >= self.clamp_lower) & (points <= self.clamp_upper)
        if not inside.all():
            row, column = np.argwhere(~inside)[0]
            raise OutOfClamp(
                f"set-point {row} of oscillator {column} is {points[row, column]:g}, outside the "
                f"clamp's {self.clamp_lower[column]:g} to {self.clamp_upper[column]:g}; redraw it"
            )
        return points
