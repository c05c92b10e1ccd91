"""A driving protocol: every drive parameter over time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics.noising import Noising
from oscilab.physics.potential import Potential
from oscilab.physics.schedule import READOUT_NODE, Schedule
from oscilab.types import Float64Array

UPDATES_PER_SLICE = 16
"""Steps that approximate a linear ramp. Converters update in steps as well."""


@dataclass(frozen=True, eq=False)
class Stairs:
    """The held settings that an array plays, in playing order.

    `durations` `[step]` are in array time, `parameters` is `[step, parameter]`, and `noising_times`
    `[step + 1]` descend from T to t_min.
    """

    durations: Float64Array
    parameters: Float64Array
    noising_times: Float64Array


@dataclass(frozen=True, eq=False)
class Protocol:
    """Parameters `[node, parameter]` of a potential at the nodes of a schedule.

    Raises:
        InvalidInput: the parameters have the wrong shape.
        OutOfBox: a parameter is not finite.
    """

    potential: Potential
    schedule: Schedule
    parameters: Float64Array
    noising: Noising = field(default_factory=Noising)

    def __post_init__(self) -> None:
        expected = (len(self.schedule.nodes), self.potential.parameters)
        parameters = np.asarray(self.parameters, np.float64)
        if parameters.shape != expected:
            raise InvalidInput(
                f"protocol parameters have shape {parameters.shape}; this schedule and potential "
                f"need {expected}"
            )
        for number, node in enumerate(parameters):
            try:
                self.potential.check(node)
            except OutOfBox as error:
                raise OutOfBox(f"protocol node {number}: {error}") from error
        object.__setattr__(self, "parameters", parameters)

    @property
    def readout_parameters(self) -> Float64Array:
        """The setting at t_min for the denoised readout, `[parameter]`."""
        return self.parameters[READOUT_NODE]

    @property
    def duration(self) -> float:
        """The array time of one playback."""
        return float(self.schedule.durations(self.schedule.edges, self.noising.speed).sum())

    def stairs(self, updates: int = UPDATES_PER_SLICE) -> Stairs:
        """Return the protocol as held settings. A linear one takes `updates` equal steps per slice.

        Raises:
            InvalidInput: `updates` is below 1.
        """
        if updates < 1:
            raise InvalidInput(f"{updates} updates a slice make no ramp; use 1 or more")
        edges = self.schedule.edges
        if self.schedule.interpolation == "constant":
            times, parameters = edges, self.parameters[1:]
        else:
            fractions = np.arange(updates) / updates
            starts, widths = edges[:-1, np.newaxis], np.diff(edges)[:, np.newaxis]
            times = np.append((starts + widths * fractions).ravel(), edges[-1])
            # Each step takes the ramp's value at its own middle.
            weight = (fractions + 0.5 / updates)[np.newaxis, :, np.newaxis]
            low, high = self.parameters[:-1, np.newaxis], self.parameters[1:, np.newaxis]
            parameters = ((1 - weight) * low + weight * high).reshape(len(times) - 1, -1)
        durations = self.schedule.durations(times, self.noising.speed)
        return Stairs(durations[::-1], parameters[::-1], times[::-1])


def noising_parameters(potential: Potential) -> Float64Array:
    """Return the parameters whose Boltzmann distribution is unit noise: a unit spring per site.

    Raises:
        InvalidInput: the potential has no stiffness term.
    """
    return potential.vector(stiffness=1.0)
