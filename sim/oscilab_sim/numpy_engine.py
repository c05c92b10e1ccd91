"""The engine without compiled code, for any potential; many times slower than the fused one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from oscilab.physics.potential import Potential
from oscilab.types import Float64Array
from oscilab_sim.engine import Copies, Positions
from oscilab_sim.streams import Stream


class NumpyEngine:
    """An engine of array operations on whole batches: motion in float32, readings in float64.

    BLAS is limited to one thread, because the order of its sums depends on the number of threads.
    """

    name = "numpy"

    def __init__(self, potential: Potential) -> None:
        self._potential = potential
        self._libraries = ThreadpoolController()

    def forces(self, parameters: Float64Array, positions: Float64Array) -> Float64Array:
        """Return -grad U, `[batch, oscillator]`."""
        with self._libraries.limit(limits=1, user_api="blas"):
            return np.asarray(self._potential.forces(parameters, positions), np.float64)

    def energy(self, parameters: Float64Array, positions: Positions) -> Float64Array:
        """Return U, `[batch]`."""
        wide = positions.astype(np.float64)
        with self._libraries.limit(limits=1, user_api="blas"):
            return np.asarray(self._potential.energy(parameters, wide), np.float64)

    def release(self, positions: Positions, stream: Stream) -> Copies:
        """Return copies that start at `positions` `[copy, oscillator]`."""
        return NumpyCopies(self._potential, self._libraries, positions, stream.normals())


class NumpyCopies:
    """Copies in motion, `[copy, oscillator]`."""

    def __init__(
        self,
        potential: Potential,
        libraries: ThreadpoolController,
        positions: Positions,
        generator: np.random.Generator,
    ) -> None:
        self._potential = potential
        self._libraries = libraries
        self._positions = positions.astype(np.float32)
        self._generator = generator

    def hold(self, parameters: Float64Array, step: float, steps: int, temperature: float) -> None:
        """Take Euler-Maruyama steps; see `Copies`."""
        theta, x = parameters.astype(np.float32), self._positions
        spread = np.float32((2 * temperature * step) ** 0.5)
        noise = np.empty_like(x)
        # A runaway overflows; the caller detects it by `reach`.
        with (
            np.errstate(over="ignore", invalid="ignore"),
            self._libraries.limit(limits=1, user_api="blas"),
        ):
            for _ in range(steps):
                self._generator.standard_normal(out=noise, dtype=np.float32)
                x += np.float32(step) * self._potential.forces(theta, x)
                x += spread * noise

    def positions(self) -> NDArray[np.float32]:
        """Return the present positions, `[copy, oscillator]`."""
        return self._positions.copy()

    def reach(self) -> Float64Array:
        """Return the largest |x| over copies, `[oscillator]`."""
        return np.abs(self._positions).max(axis=0, initial=0.0).astype(np.float64)
