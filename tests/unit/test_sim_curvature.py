"""The curvature bound, which sets the integrator's step, holds and is tight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oscilab.physics import BUILT_IN, Potential, all_to_all, lattice
from oscilab_sim.curvature import Curvature

GATED = replace(lattice(2, 3, 1.5), gates=np.array([[0, 1, 2], [4, 5, 3]]))
ROUNDING = 2 ** (1 / 32) * (1 + 1e-6)


def hessian(potential, theta, x, h=1e-5):
    """Return the Hessian by central differences of the forces."""
    n = potential.oscillators
    ahead = potential.forces(theta, x + h * np.eye(n))
    behind = potential.forces(theta, x - h * np.eye(n))
    return -(ahead - behind) / (2 * h)


@pytest.mark.parametrize("name", [*BUILT_IN, "all"])
def test_no_curvature_within_reach_exceeds_it(name):
    potential = Potential(GATED, BUILT_IN if name == "all" else [name])
    generator = np.random.default_rng(4)
    for _ in range(20):
        theta = generator.normal(size=potential.parameters)
        reach = generator.uniform(0.5, 3.0, potential.oscillators)
        bound = Curvature(potential, theta).over(reach)
        corners = generator.choice([-1, 1], size=(5, len(reach))) * reach
        inside = generator.uniform(-reach, reach, size=(5, len(reach)))
        for x in (*corners, *inside):
            largest = np.abs(np.linalg.eigvalsh(hessian(potential, theta, x))).max()
            assert largest <= bound + 1e-6


def test_it_is_exact_for_springs():
    potential = Potential(lattice(2, 2, 0), ["stiffness"])
    bound = Curvature(potential, np.array([1.0, -7.0, 3.0, 2.0])).over(np.ones(4))
    assert 7.0 <= bound <= 7.0 * ROUNDING


def test_it_is_exact_for_a_quartic_at_the_edge_of_its_reach():
    potential = Potential(lattice(1, 1, 0), ["stiffness", "quartic"])
    bound = Curvature(potential, np.array([-2.0, 1.5])).over(np.array([2.0]))
    assert 16.0 <= bound <= 16.0 * ROUNDING


def test_many_couplings_of_both_signs_cost_little():
    """Row sums are six times the spectral norm at 144 oscillators; the bound stays below two."""
    potential = Potential(all_to_all(12, 12), ["coupling"])
    theta = np.random.default_rng(0).normal(size=potential.parameters)
    matrix = potential.stiffness_matrix(theta)
    norm = np.abs(np.linalg.eigvalsh(matrix)).max()
    assert np.abs(matrix).sum(axis=1).max() > 4 * norm
    assert norm <= Curvature(potential, theta).over(np.ones(144)) < 2 * norm


def test_a_term_that_is_no_polynomial_is_probed():
    class Pendulum:
        name, ends, monomials = "pendulum", 1, None

        def place(self, topology):
            return np.arange(topology.oscillators)[:, np.newaxis]

        def energy(self, x):
            return 1 - np.cos(x)

        def slope(self, end, x):
            return np.sin(x)

    potential = Potential(lattice(1, 1, 0), [Pendulum()])
    bound = Curvature(potential, np.array([5.0])).over(np.array([3.0]))
    assert 5.0 * (1 - 1e-5) <= bound <= 5.0 * ROUNDING


def test_no_potential_has_no_curvature():
    potential = Potential(lattice(1, 2, 0), ["stiffness"])
    assert Curvature(potential, np.zeros(2)).over(np.ones(2)) == 0.0
