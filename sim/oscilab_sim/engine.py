"""The protocols of an engine, which computes forces, energies and motion."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from oscilab.types import Float64Array
from oscilab_sim.streams import Stream

Positions = Float64Array | NDArray[np.float32]


class Copies(Protocol):
    """Copies of the array in free motion."""

    def hold(self, parameters: Float64Array, step: float, steps: int, temperature: float) -> None:
        """Take `steps` Euler-Maruyama steps of length `step` under held parameters.

        x' = x + F(x) step + sqrt(2 temperature step) xi, with xi normal and independent.
        """
        ...

    def positions(self) -> NDArray[np.float32]:
        """Return the present positions, `[copy, oscillator]`."""
        ...

    def reach(self) -> Float64Array:
        """Return the largest |x| over copies, `[oscillator]`; not finite if a copy ran away."""
        ...


class Engine(Protocol):
    """Forces, energies and motion under one potential."""

    name: str

    def forces(self, parameters: Float64Array, positions: Float64Array) -> Float64Array:
        """Return -grad U at `positions` `[batch, oscillator]`, in float64."""
        ...

    def energy(self, parameters: Float64Array, positions: Positions) -> Float64Array:
        """Return U `[batch]` of each row of `positions` `[batch, oscillator]`, in float64."""
        ...

    def release(self, positions: Positions, stream: Stream) -> Copies:
        """Return copies that start at `positions` `[copy, oscillator]`."""
        ...
