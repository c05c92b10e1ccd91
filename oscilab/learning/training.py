"""The training loop's inside: every node measured once, every parameter corrected locally."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.readings import ForceReading, PositionReading
from oscilab.arrays.seam import OscillatorArray
from oscilab.errors import DeviceFailed
from oscilab.learning.estimate import Sampling
from oscilab.learning.optimisers import Optimiser
from oscilab.learning.points import PointSource
from oscilab.learning.rules import Rule
from oscilab.physics import Confinement, Schedule, noising_parameters


@dataclass(frozen=True)
class Rate:
    """The optimiser's rate over a run: half a cosine from `first` to `last` in `steps`."""

    first: float
    last: float
    steps: int

    def at(self, step: int) -> float:
        """The rate of step number `step`."""
        phase = min(step, self.steps) / self.steps
        return self.last + 0.5 * (self.first - self.last) * (1 + np.cos(np.pi * phase))


@dataclass(frozen=True, eq=False)
class Measured:
    """One measured batch and the update that it led to."""

    node: int
    loss: float
    gradient_norm: float
    redrawn: float
    projected: int
    reading: ForceReading | PositionReading


@dataclass(eq=False)
class Training:
    """A protocol in training on an array; `parameters` is `[node, parameter]`.

    Every node starts as the noising potential, which is the optimum at large times. What is learned
    is the mean of the parameters over the last `averaged` share of the steps (Polyak and Juditsky,
    SIAM J. Control Optim. 30 (1992) 838): late nodes have little to gain and noisy gradients.
    """

    array: OscillatorArray
    rule: Rule
    schedule: Schedule
    points: PointSource
    sampling: Sampling
    optimiser: Optimiser
    rate: Rate
    averaged: float = 0.5
    step: int = 0
    parameters: NDArray[np.float64] = field(init=False)
    average: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        start = noising_parameters(self.array.description.potential)
        self.parameters = np.tile(start, (len(self.schedule.nodes), 1))
        self.average = np.zeros_like(self.parameters)

    def measure_all(self) -> list[Measured]:
        """One step: measure and correct every node, from t_min up.

        Raises:
            DeviceFailed: a reading that is not finite; no parameter was changed by it.
        """
        rate = self.rate.at(self.step)
        measured = [
            self._measure(node, time, rate) for node, time in enumerate(self.schedule.nodes)
        ]
        self.step += 1
        counted = self._counted()
        if counted > 0:
            self.average += (self.parameters - self.average) / counted
        return measured

    def learned(self) -> NDArray[np.float64]:
        """What training has come to so far, `[node, parameter]`, inside the box and confining."""
        if self._counted() <= 0:
            return self.parameters.copy()
        return np.array([self._allowed(node) for node in self.average])

    def _counted(self) -> int:
        """How many of the steps taken so far go into the average."""
        return self.step - int((1 - self.averaged) * self.rate.steps)

    def _measure(self, node: int, time: float, rate: float) -> Measured:
        current = self.parameters[node]
        found = self.rule.estimate(self.array, current, time, self.points, self.sampling)
        if not np.isfinite(found.loss):
            raise DeviceFailed(
                f"device {self.array.description.identity.name} gave a reading that is not finite "
                f"at noising time {time:g} (step {self.step}); check its inputs, then resume"
            )
        change = self.optimiser.step(node, found.gradient, found.curvature, rate)
        wanted = np.asarray(current + change, np.float64)
        allowed = self._allowed(wanted)
        self.parameters[node] = allowed
        return Measured(
            node=node,
            loss=found.loss,
            gradient_norm=float(np.linalg.norm(found.gradient)),
            redrawn=found.redrawn,
            projected=int(np.count_nonzero(allowed != wanted)),
            reading=found.reading,
        )

    def _allowed(self, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
        box = self.array.description.box
        return Confinement(box.potential).project(box.project(wanted), box)
