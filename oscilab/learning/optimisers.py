"""Optimisers whose state is kept per parameter, so that learning stays local.

Each works in units of a parameter's own curvature: theta_p sqrt(h_p), where h_p is a running mean
of the loss's second derivative along theta_p, seen at the ends of p alone. A constant pixel needs a
stiffness near 2 / sigma_t^2 where a varying one needs a few; in these units both are of order one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput

Array = NDArray[np.floating]
CURVATURE_MEMORY = 0.95
LEAST_CURVATURE = 1e-9


class Optimiser(Protocol):
    """Steps for the parameters of every node; state arrays are `[node, parameter]`."""

    def step(self, node: int, gradient: Array, curvature: Array, rate: float) -> Array:
        """The change of node `node`'s parameters, `[parameter]`."""
        ...

    @property
    def state(self) -> dict[str, NDArray[np.floating]]:
        """The arrays that a checkpoint has to keep; written to in place on restoring."""
        ...


@dataclass(eq=False)
class RunningMean:
    """An exponential mean per parameter, corrected for its start at zero."""

    memory: float
    values: Array
    seen: Array

    def update(self, node: int, new: Array) -> Array:
        """Take in `new` `[parameter]` and return the corrected mean."""
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
    velocity: Array = field(init=False)
    curvature: RunningMean = field(init=False)

    def __post_init__(self) -> None:
        self.velocity = np.zeros((self.nodes, self.parameters))
        self.curvature = _mean(CURVATURE_MEMORY, self.nodes, self.parameters)

    def step(self, node: int, gradient: Array, curvature: Array, rate: float) -> Array:
        """theta changes by -v, where v <- momentum v + rate g / h."""
        scale = np.maximum(self.curvature.update(node, curvature), LEAST_CURVATURE)
        self.velocity[node] *= self.momentum
        self.velocity[node] += rate * gradient / scale
        return -self.velocity[node]

    @property
    def state(self) -> dict[str, NDArray[np.floating]]:
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
    first: RunningMean = field(init=False)
    second: RunningMean = field(init=False)
    curvature: RunningMean = field(init=False)

    def __post_init__(self) -> None:
        self.first = _mean(self.momentum, self.nodes, self.parameters)
        self.second = _mean(self.memory, self.nodes, self.parameters)
        self.curvature = _mean(CURVATURE_MEMORY, self.nodes, self.parameters)

    def step(self, node: int, gradient: Array, curvature: Array, rate: float) -> Array:
        """theta changes by -rate m / (sqrt(v) sqrt(h)), m and v of g / sqrt(h)."""
        scale = np.sqrt(np.maximum(self.curvature.update(node, curvature), LEAST_CURVATURE))
        scaled = gradient / scale
        mean = self.first.update(node, scaled)
        spread = np.sqrt(self.second.update(node, scaled * scaled))
        return -rate * mean / ((spread + self.epsilon) * scale)

    @property
    def state(self) -> dict[str, NDArray[np.floating]]:
        """Running means of gradient, squared gradient and curvature."""
        means = {"first": self.first, "second": self.second, "curvature": self.curvature}
        values = {name: mean.values for name, mean in means.items()}
        return {**values, **{f"{name}_seen": mean.seen for name, mean in means.items()}}


def optimiser_named(name: Literal["adam", "sgd"], nodes: int, parameters: int) -> Optimiser:
    """A fresh optimiser.

    Raises:
        InvalidInput: no such optimiser.
    """
    if name == "adam":
        return Adam(nodes, parameters)
    if name == "sgd":
        return Sgd(nodes, parameters)
    raise InvalidInput(f"unknown optimiser {name!r}; use 'adam' or 'sgd'")
