"""Small potentials of every kind, and their evaluation by single monomials."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from oscilab.physics import BUILT_IN, Potential, all_to_all, lattice

GATES = np.array([[0, 1, 2], [4, 5, 3], [4, 1, 2]])


@dataclass(frozen=True)
class Cosine:
    """theta cos(x_i - x_j), a custom term that is not a polynomial."""

    name: str = "cosine"
    ends: int = 2
    monomials: None = None
    degree: None = None
    default_range: tuple[float, float] = (-100.0, 100.0)
    demands: tuple[()] = ()

    def place(self, topology):
        return topology.edges

    def energy(self, x, y):
        return np.cos(x - y)

    def slope(self, end, x, y):
        return np.sin(x - y) if end else -np.sin(x - y)


def gated():
    """Return 2 x 3 oscillators, two of which modulate couplings."""
    return replace(lattice(2, 3, 1.5), gates=GATES)


FAMILIES = {
    **{name: Potential(gated(), [name]) for name in BUILT_IN},
    "cosine": Potential(gated(), [Cosine()]),
}
MIXED = {
    "sparse": Potential(lattice(3, 4, 1.5), ["bias", "stiffness", "quartic", "coupling"]),
    "all-to-all": Potential(
        all_to_all(2, 4), ["stiffness", "cubic", "quartic", "coupling", "square_square"]
    ),
    "every term": Potential(gated(), [*BUILT_IN, Cosine()]),
}
CASES = {**FAMILIES, **MIXED}


def pieces(potential):
    """Return every parameter as (number, term, ends), in the order of the vector."""
    number = 0
    for family in potential.families.values():
        for ends in family.ends.tolist():
            yield number, family.term, ends
            number += 1


def instance_energy(term, x, ends):
    """Return u_p at one point `x` `[oscillator]`."""
    if term.monomials is None:
        return float(term.energy(*(x[end] for end in ends)))
    return sum(
        monomial.coefficient
        * np.prod([x[end] ** power for end, power in zip(ends, monomial.powers, strict=True)])
        for monomial in term.monomials
    )


def instance_slope(term, x, ends, oscillator, h=1e-3):
    """Return d u_p / dx_oscillator by a central difference of sixth order."""
    weights = {-3: -1 / 60, -2: 3 / 20, -1: -3 / 4, 1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    step = h * np.eye(len(x))[oscillator]
    return sum(w * instance_energy(term, x + k * step, ends) for k, w in weights.items()) / h


def random_setting(potential, seed, batch=5):
    """Return parameters and positions `[batch, oscillator]` of order one."""
    generator = np.random.default_rng(seed)
    theta = generator.normal(size=potential.parameters)
    return theta, generator.normal(size=(batch, potential.oscillators))
