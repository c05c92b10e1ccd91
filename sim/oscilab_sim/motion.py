"""Free motion for a stated time, with steps from the curvature and detection of runaways."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import DeviceFailed
from oscilab.physics.potential import Potential
from oscilab.types import Float64Array
from oscilab_sim.curvature import Curvature
from oscilab_sim.engine import Copies

STEPS_PER_CHECK = 128
"""Steps after which the reach of the positions, and with it the step, is updated."""
MARGIN = 1.25
"""Factor by which positions may outgrow their reach before the next check."""
FAR = 1e6
"""Thermal amplitudes beyond which an oscillator counts as a runaway."""
LEAST_REACH = 1.0
"""Copies that all start at one point spread by about a thermal amplitude."""


class Motion:
    """Copies of one array under a bath of stated temperature."""

    def __init__(
        self, copies: Copies, potential: Potential, name: str, temperature: float, fraction: float
    ) -> None:
        self._copies = copies
        self._potential = potential
        self._name = name
        self._temperature = temperature
        self._fraction = fraction

    def hold(self, parameters: Float64Array, duration: float) -> None:
        """Move for `duration` with parameters held.

        The step is at most `fraction` over the largest curvature within reach of the positions.

        Raises:
            DeviceFailed: an oscillator ran away.
        """
        curvature = Curvature(self._potential, parameters)
        left = duration
        reach = self._copies.reach()
        while left > 0:
            bound = curvature.over(np.maximum(MARGIN * reach, LEAST_REACH))
            steps = max(1, math.ceil(left * bound / self._fraction - 1e-9))
            step = left / steps
            now = min(steps, STEPS_PER_CHECK)
            self._copies.hold(parameters, step, now, self._temperature)
            left = 0.0 if now == steps else left - now * step
            reach = self._copies.reach()
            self._refuse_runaway(reach, step)

    def longest_step(self, parameters: Float64Array) -> float:
        """Return the longest step that `hold` would take now; infinite without curvature."""
        reach = np.maximum(MARGIN * self._copies.reach(), LEAST_REACH)
        bound = Curvature(self._potential, parameters).over(reach)
        return self._fraction / bound if bound > 0 else math.inf

    def positions(self) -> NDArray[np.float32]:
        """Return the present positions, `[copy, oscillator]`."""
        return self._copies.positions()

    def _refuse_runaway(self, reach: Float64Array, step: float) -> None:
        distance = np.where(np.isfinite(reach), reach, np.inf)
        farthest = int(np.argmax(distance))
        if distance[farthest] > FAR:
            raise DeviceFailed(
                f"oscillator {farthest} of device {self._name} ran away beyond {FAR:g} thermal "
                f"amplitudes with steps of {step:g}; raise its quartic or stiffness, or lower "
                f"step_fraction from {self._fraction:g}"
            )
