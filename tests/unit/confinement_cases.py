"""Potentials from which oscillators may escape, and a test of whether a setting confines."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from oscilab.physics import (
    Monomial,
    ParameterBox,
    PolynomialTerm,
    Potential,
    all_to_all,
    from_edges,
    lattice,
)
from oscilab.physics.terms import STIFFNESS

GATED = replace(lattice(2, 2, 1.0), gates=np.array([[0, 1, 3]]))
SPRING = PolynomialTerm(
    "spring",
    (Monomial(0.5, (2, 0)), Monomial(-1.0, (1, 1)), Monomial(0.5, (0, 2))),
    lambda topology: topology.edges,
)
POTENTIALS = {
    "plain": Potential(all_to_all(3), ["bias", "stiffness", "quartic", "coupling"]),
    "pairs": Potential(
        lattice(2, 2, 1.5),
        ["stiffness", "quartic", "coupling", "square_linear", "square_square", "quartic_spring"],
    ),
    "cubic": Potential(all_to_all(2), ["bias", "stiffness", "cubic", "quartic", "coupling"]),
    "gates": Potential(
        GATED,
        ["stiffness", "quartic", "coupling", "gate_coupling", "gate_stiffness", "gate_bias"],
    ),
    "harmonic": Potential(all_to_all(4), ["bias", "stiffness", "coupling"]),
    "springs": Potential(all_to_all(3), ["stiffness", SPRING]),
    "no quartic": Potential(
        lattice(2, 2, 1.0), ["stiffness", "coupling", "square_square", "quartic_spring"]
    ),
}
CHAIN = Potential(
    from_edges([[0, 1], [1, 2]], 3),
    ["bias", "stiffness", "cubic", "quartic", "coupling", "square_linear", "square_square",
     "quartic_spring"],
)  # fmt: skip


def roomy(potential):
    """Return a box in which even a quartic may be negative."""
    reach = np.full(potential.parameters, 1e3)
    return ParameterBox(potential, -reach, reach)


SEXTIC = PolynomialTerm("sextic", (Monomial(1.0, (6,)),), STIFFNESS.placement)


def directions(potential, theta):
    """Return directions to try: axes, diagonals, modes of the stiffness on any subset, random."""
    n = potential.oscillators
    signs = [np.array(sign) for sign in itertools.product((-1.0, 0.0, 1.0), repeat=n) if any(sign)]
    modes = []
    matrix = potential.stiffness_matrix(theta)
    for size in range(1, n + 1):
        for sites in itertools.combinations(range(n), size):
            found = np.zeros((size, n))
            found[:, list(sites)] = np.linalg.eigh(matrix[np.ix_(sites, sites)])[1].T
            modes += [*found, *-found]
    scattered = np.random.default_rng(0).normal(size=(200, n))
    every = np.concatenate([signs, modes, scattered])
    return every / np.linalg.norm(every, axis=1, keepdims=True)


def grows(potential, theta, radius=1e6):
    """Return whether U is positive and rises from `radius` to twice that in every direction."""
    rays = directions(potential, theta) * radius
    near, far = potential.energy(theta, rays), potential.energy(theta, 2 * rays)
    return bool(((near > 0) & (far > near)).all())
