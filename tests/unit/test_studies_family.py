"""The loss due to the terms of two-gaussians, and a term that removes it."""

from dataclasses import dataclass

import numpy as np
import pytest

from oscilab.data.mixture import two_gaussians
from oscilab.physics import Noising, Potential, all_to_all


@dataclass(frozen=True)
class LogCosh:
    """-2 log cosh((a . x + b) / 2), the effect of a bistable oscillator coupled to both."""

    slope_along: tuple[float, float]
    offset: float
    name: str = "log_cosh"
    ends: int = 2
    monomials: None = None

    def place(self, topology):
        return topology.edges

    def _argument(self, x):
        return (self.slope_along[0] * x[0] + self.slope_along[1] * x[1] + self.offset) / 2

    def energy(self, *x):
        return -2 * np.logaddexp(self._argument(x), -self._argument(x))

    def slope(self, end, *x):
        return -self.slope_along[end] * np.tanh(self._argument(x))


@pytest.mark.parametrize("time", [0.01, 0.1, 1.0])
def test_springs_and_one_log_cosh_reverse_the_noising_of_two_gaussians_exactly(time):
    """For equal covariances log p is a parabola plus a log cosh, exact to rounding."""
    noised = two_gaussians().noised(time)
    inverse = np.linalg.inv(noised.covariances[0])
    middle = noised.means.mean(axis=0)
    along = inverse @ (noised.means[1] - noised.means[0])
    offset = float(np.log(noised.weights[1] / noised.weights[0]) - along @ middle)
    term = LogCosh(tuple(along.tolist()), offset)
    potential = Potential(all_to_all(1, 2), ["bias", "stiffness", "coupling", term])
    parameters = potential.vector(
        bias=-2 * inverse @ middle,
        stiffness=2 * np.diagonal(inverse) - 1,
        coupling=2 * inverse[0, 1],
        log_cosh=1.0,
    )
    positions = 1.5 * np.random.default_rng(0).standard_normal((200, 2))
    wanted = Noising().score_force(positions, noised.score(positions))
    assert potential.forces(parameters, positions) == pytest.approx(wanted, abs=1e-9)
