"""Optimisers whose state is kept per parameter, so that learning stays local.

Each works in units of a parameter's own curvature: theta_p sqrt(h_p), where h_p is a running mean
of the loss's second derivative along theta_p, measured at the ends of p alone. A constant pixel
needs a stiffness near 2 / sigma_t^2, a varying one a few; in these units both are of order one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from oscilab.plugins import find
from oscilab.types import FloatArray

CURVATURE_MEMORY = 0.95
LEAST_CURVATURE = 1e-9


class Optimiser(Protocol):
    """Computes steps for the parameters of every node; state arrays are `[node, parameter]`."""

    def step(
        self, node: int, gradient: FloatArray, curvature: FloatArray, rate: float
    ) -> FloatArray:
        """Return the change of the parameters of node `node`, `[parameter]`."""
        ...

    @property
    def state(self) -> dict[str, FloatArray]:
        """The arrays for a checkpoint. Restoring writes to them in place."""
        ...


@dataclass(eq=False)
class RunningMean:
    """An exponential running mean per parameter, corrected for its start at zero."""

    memory: float
    values: FloatArray
    seen: FloatArray

    def update(self, node: int, new: FloatArray) -> FloatArray:
        """Add `new` `[parameter]` and return the corrected mean."""
        self.values[node] *= self.memory
        self.values[node] += (1 - self.memory) * new
        self.seen[node] += 1
        return self.values[node] / (1 - self.memory ** self.seen[node])


def _mean(memory: float, nodes: int, parameters: int) -> RunningMean:
    return RunningMean(memory, np.zeros((nodes, parameters)), np.zeros(nodes))


@dataclass(eq=False)
class Sgd:
    """Gradient descent with momentum."""

    nodes: int
    parameters: int
    momentum: float = 0.9
    updates: int = 1
    velocity: FloatArray = field(init=False)
    curvature: RunningMean = field(init=False)

    def __post_init__(self) -> None:
        self.velocity = np.zeros((self.nodes, self.parameters))
        memory = _shared(CURVATURE_MEMORY, self.updates)
        self.curvature = _mean(memory, self.nodes, self.parameters)

    def step(
        self, node: int, gradient: FloatArray, curvature: FloatArray, rate: float
    ) -> FloatArray:
        """Return the change -v of theta, where v <- momentum v + rate g / h.

        With several updates per batch, each takes a part, so that together they move as far.
        """
        scale = np.maximum(self.curvature.update(node, curvature), LEAST_CURVATURE)
        momentum = _shared(self.momentum, self.updates)
        part = (1 - momentum) / (self.updates * (1 - self.momentum))
        self.velocity[node] *= momentum
        self.velocity[node] += part * rate * gradient / scale
        return -self.velocity[node]

    @property
    def state(self) -> dict[str, FloatArray]:
        """Velocity and running curvature."""
        return {
            "velocity": self.velocity,
            "curvature": self.curvature.values,
            "curvature_seen": self.curvature.seen,
        }


@dataclass(eq=False)
class Adam:
    """Adam (Kingma and Ba, arXiv:1412.6980) in curvature units."""

    nodes: int
    parameters: int
    momentum: float = 0.9
    memory: float = 0.99
    epsilon: float = 1e-8
    updates: int = 1
    first: RunningMean = field(init=False)
    second: RunningMean = field(init=False)
    curvature: RunningMean = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.nodes, self.parameters)
        self.first = _mean(_shared(self.momentum, self.updates), *shape)
        self.second = _mean(_shared(self.memory, self.updates), *shape)
        self.curvature = _mean(_shared(CURVATURE_MEMORY, self.updates), *shape)

    def step(
        self, node: int, gradient: FloatArray, curvature: FloatArray, rate: float
    ) -> FloatArray:
        """Return the change -rate m / (sqrt(v) sqrt(h)) of theta, with m and v of g / sqrt(h).

        With n updates per batch, v of a single measurement is n times that of a batch, so each
        update is scaled by 1 / sqrt(n).
        """
        scale = np.sqrt(np.maximum(self.curvature.update(node, curvature), LEAST_CURVATURE))
        scaled = gradient / scale
        mean = self.first.update(node, scaled)
        spread = np.sqrt(self.second.update(node, scaled * scaled))
        part = rate / self.updates**0.5
        return -part * mean / ((spread + self.epsilon) * scale)

    @property
    def state(self) -> dict[str, FloatArray]:
        """Running means of gradient, squared gradient and curvature."""
        means = {"first": self.first, "second": self.second, "curvature": self.curvature}
        values = {name: mean.values for name, mean in means.items()}
        return {**values, **{f"{name}_seen": mean.seen for name, mean in means.items()}}


def _shared(memory: float, updates: int) -> float:
    """Return the memory of each of `updates` successive updates that together have `memory`."""
    return memory ** (1 / updates)


class OptimiserKind(Protocol):
    """Makes an optimiser: an entry of `oscilab.optimisers`, such as the class `Adam`."""

    def __call__(self, nodes: int, parameters: int, *, updates: int = 1) -> Optimiser:
        """Return a new optimiser. Rates and memories apply to `updates` steps together."""
        ...


GROUP = "oscilab.optimisers"
OPTIMISERS: Mapping[str, OptimiserKind] = {"adam": Adam, "sgd": Sgd}


def find_optimiser(name: str) -> OptimiserKind:
    """Return the built-in or installed kind of optimiser of that name.

    Raises:
        InvalidInput: there is no such optimiser; the message lists the known ones.
        OscilabError: the optimiser is installed but cannot be used.
    """
    return find(GROUP, name, OPTIMISERS, OptimiserKind)


def optimiser_named(name: str, nodes: int, parameters: int, updates: int = 1) -> Optimiser:
    """Return a new optimiser. Rates and memories apply to `updates` steps together.

    Raises:
        InvalidInput, OscilabError: as `find_optimiser`.
    """
    return find_optimiser(name)(nodes, parameters, updates=updates)
