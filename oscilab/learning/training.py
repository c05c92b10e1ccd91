"""The training loop's inside: every node measured once, every parameter corrected locally."""

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
    """One measured batch and the update that it led to.

    `targets` `[batch, oscillator]` are the forces that learning aimed at, as the reading would
    show them; `residuals` `[batch, oscillator]` how far forces were from them, where the rule
    compares forces. `projected` is the share of the node's parameters that the projection moved.
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
    """A protocol in training on an array; `parameters` is `[node, parameter]`.

    Every node starts as the noising potential, which is the optimum at large times. What is learned
    is the mean of the parameters over the last `averaged` share of the steps (Polyak and Juditsky,
    SIAM J. Control Optim. 30 (1992) 838): late nodes have little to gain and noisy gradients.

    With `online`, parameters are corrected after every single measurement of a batch, which is
    then taken one by one; nothing of a batch has to be kept. The optimiser must know of it
    (`optimiser_named(..., updates=batch)`). The first step is a batch all the same: a single
    measurement would be a poor start for the curvatures.
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
        """One step: measure and correct every node, from t_min up.

        `after` is called with each batch when its node is corrected; what it raises ends the step.

        Raises:
            DeviceFailed: a reading that is not finite; no parameter was changed by it.
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
        """How many of the steps taken so far go into the average."""
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
