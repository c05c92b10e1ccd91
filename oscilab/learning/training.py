"""One training step: measure every node once and correct every parameter locally."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from oscilab.arrays.readings import ForceReading, PositionReading, joined
from oscilab.arrays.seam import OscillatorArray
from oscilab.errors import DeviceFailed
from oscilab.learning.measurement import Estimate, PointSource, Sampling
from oscilab.learning.optimisers import Optimiser
from oscilab.learning.rules import Rule
from oscilab.physics import Schedule, noising_parameters
from oscilab.types import Float64Array, FloatArray


@dataclass(frozen=True)
class Rate:
    """The learning rate over a run: half a cosine from `first` to `last` in `steps`."""

    first: float
    last: float
    steps: int

    def at(self, step: int) -> float:
        """Return the rate of step number `step`."""
        phase = min(step, self.steps) / self.steps
        return self.last + 0.5 * (self.first - self.last) * (1 + np.cos(np.pi * phase))


@dataclass(frozen=True, eq=False)
class Measured:
    """One measured batch and the resulting update of a node.

    Attributes:
        node: the number of the node.
        loss: the loss.
        gradient_norm: the norm of its gradient.
        redrawn: the share of points that fell outside the clamps.
        projected: the share of the node's parameters that the projection moved.
        reading: the reading as measured.
        targets: the target forces, in the reading's terms, `[batch, oscillator]`.
        residuals: measured forces minus targets, `[batch, oscillator]`, if the rule compares
            forces.
    """

    node: int
    loss: float
    gradient_norm: float
    redrawn: float
    projected: float
    reading: ForceReading | PositionReading
    targets: FloatArray
    residuals: FloatArray | None = None


@dataclass(eq=False)
class Training:
    """The training of a protocol on an array; `parameters` is `[node, parameter]`.

    Every node starts at the noising potential, which is the optimum at large times. The result is
    the mean of the parameters over the last `averaged` share of the steps (Polyak and Juditsky,
    SIAM J. Control Optim. 30 (1992) 838), because late nodes have little to gain and noisy
    gradients.

    With `online`, the points of a batch are measured one by one and the parameters are corrected
    after each, so that no batch has to be stored. The optimiser must be made for it
    (`optimiser_named(..., updates=batch)`). The first step is still a batch, because a single
    measurement is a poor start for the curvatures.
    """

    array: OscillatorArray
    rule: Rule
    schedule: Schedule
    points: PointSource
    sampling: Sampling
    optimiser: Optimiser
    rate: Rate
    averaged: float = 0.5
    online: bool = False
    step: int = 0
    parameters: Float64Array = field(init=False)
    average: Float64Array = field(init=False)

    def __post_init__(self) -> None:
        start = noising_parameters(self.array.description.potential)
        self.parameters = np.tile(start, (len(self.schedule.nodes), 1))
        self.average = np.zeros_like(self.parameters)

    def measure_all(self, after: Callable[[Measured], None] | None = None) -> list[Measured]:
        """Take one step: measure and correct every node, from t_min up.

        `after` is called with each batch once its node is corrected. An exception from it ends the
        step.

        Raises:
            DeviceFailed: a reading is not finite; it changed no parameter.
        """
        rate = self.rate.at(self.step)
        measured: list[Measured] = []
        for node, time in enumerate(self.schedule.nodes):
            measured.append(self._measure(node, time, rate))
            if after is not None:
                after(measured[-1])
        self.step += 1
        counted = self._counted()
        if counted > 0:
            self.average += (self.parameters - self.average) / counted
        return measured

    def learned(self) -> Float64Array:
        """Return the parameters learned so far, `[node, parameter]`, in the box and confining."""
        if self._counted() <= 0:
            return self.parameters.copy()
        return np.array([self._allowed(node) for node in self.average])

    def _counted(self) -> int:
        """Return how many of the steps taken so far enter the average."""
        return self.step - int((1 - self.averaged) * self.rate.steps)

    def _measure(self, node: int, time: float, rate: float) -> Measured:
        if not self.online or self.step == 0:
            found = self._estimate(node, time, self.sampling)
            return _measured(node, [found], [self._correct(node, found, rate)])
        one = replace(self.sampling, batch=1)
        every: list[Estimate] = []
        projected: list[float] = []
        for _ in range(self.sampling.batch):
            every.append(self._estimate(node, time, one))
            projected.append(self._correct(node, every[-1], rate))
        return _measured(node, every, projected)

    def _estimate(self, node: int, time: float, sampling: Sampling) -> Estimate:
        current = self.parameters[node]
        found = self.rule.estimate(self.array, current, time, self.points, sampling)
        if not np.isfinite(found.loss):
            raise DeviceFailed(
                f"device {self.array.description.identity.name} gave a reading that is not finite "
                f"at noising time {time:g} (step {self.step}); check its inputs, then resume"
            )
        return found

    def _correct(self, node: int, found: Estimate, rate: float) -> float:
        """Move the node's parameters and return the share of them that the projection moved."""
        change = self.optimiser.step(node, found.gradient, found.curvature, rate)
        wanted = np.asarray(self.parameters[node] + change, np.float64)
        allowed = self._allowed(wanted)
        self.parameters[node] = allowed
        return np.count_nonzero(allowed != wanted) / wanted.size

    def _allowed(self, wanted: Float64Array) -> Float64Array:
        return self.rule.allowed(wanted, self.array.description.box, self.points.noising)


def _measured(node: int, found: list[Estimate], projected: list[float]) -> Measured:
    gradient = np.mean([each.gradient for each in found], axis=0)
    residuals = [each.residuals for each in found if each.residuals is not None]
    return Measured(
        node=node,
        loss=float(np.mean([each.loss for each in found])),
        gradient_norm=float(np.linalg.norm(gradient)),
        redrawn=float(np.mean([each.redrawn for each in found])),
        projected=float(np.mean(projected)),
        reading=joined([each.reading for each in found]),
        targets=np.concatenate([each.targets for each in found]),
        residuals=np.concatenate(residuals) if len(residuals) == len(found) else None,
    )
