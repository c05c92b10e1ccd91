"""The kinds of term that a potential is made of.

A term is one small object that states its ends, its energy per unit parameter and its local
features, the slopes of that energy at each end. Terms made of monomials also run in the fused
simulation kernels; any other object that satisfies `Term` runs everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from oscilab.physics.topology import Topology
from oscilab.types import FloatArray, IntArray

Placement = Callable[[Topology], IntArray]


class Term(Protocol):
    """One kind of drive: where its instances sit and what one unit of its parameter does."""

    @property
    def name(self) -> str:
        """The field's word for it, such as `stiffness`."""
        ...

    @property
    def ends(self) -> int:
        """How many oscillators one instance touches: one, two or three."""
        ...

    def place(self, topology: Topology) -> IntArray:
        """The instances, `[instance, end]`, as oscillator numbers."""
        ...

    def energy(self, *x: FloatArray) -> FloatArray:
        """u(x), from the positions at the ends, each `[..., instance]`."""
        ...

    def slope(self, end: int, *x: FloatArray) -> FloatArray:
        """The local feature du/dx_end, of the same shape."""
        ...


@dataclass(frozen=True)
class Monomial:
    """coefficient * product over ends of x_end ** power."""

    coefficient: float
    powers: tuple[int, ...]


@dataclass(frozen=True)
class PolynomialTerm:
    """A term whose energy is a sum of monomials of its ends' positions."""

    name: str
    monomials: tuple[Monomial, ...]
    placement: Placement

    @property
    def ends(self) -> int:
        """How many oscillators one instance touches."""
        return len(self.monomials[0].powers)

    def place(self, topology: Topology) -> IntArray:
        """The instances on this topology, `[instance, end]`."""
        return self.placement(topology)

    def energy(self, *x: FloatArray) -> FloatArray:
        """u(x)."""
        return _evaluate(self.monomials, x)

    def slope(self, end: int, *x: FloatArray) -> FloatArray:
        """du/dx_end."""
        return _evaluate(tuple(_derivatives(self.monomials, end)), x)


def quadratic_parts(term: Term) -> list[tuple[float, int, int]]:
    """(coefficient, end, end) of every monomial c x_a x_b of a term, a = b included."""
    found: list[tuple[float, int, int]] = []
    for monomial in term.monomials if isinstance(term, PolynomialTerm) else ():
        if sum(monomial.powers) == 2:
            ends = [end for end, power in enumerate(monomial.powers) if power]
            found.append((monomial.coefficient, ends[0], ends[-1]))
    return found


def _derivatives(monomials: tuple[Monomial, ...], end: int) -> list[Monomial]:
    found: list[Monomial] = []
    for monomial in monomials:
        power = monomial.powers[end]
        if power:
            lowered = (*monomial.powers[:end], power - 1, *monomial.powers[end + 1 :])
            found.append(Monomial(monomial.coefficient * power, lowered))
    return found


def _evaluate(monomials: tuple[Monomial, ...], x: tuple[FloatArray, ...]) -> FloatArray:
    total = np.zeros(np.broadcast_shapes(*(end.shape for end in x)), x[0].dtype)
    for monomial in monomials:
        value = np.full_like(total, monomial.coefficient)
        for end, power in zip(x, monomial.powers, strict=True):
            # Repeated products: numpy's integer power is many times slower.
            for _ in range(power):
                value *= end
        total += value
    return total


def _sites(topology: Topology) -> IntArray:
    return np.arange(topology.oscillators)[:, np.newaxis]


def _edges(topology: Topology) -> IntArray:
    return topology.edges


def _arcs(topology: Topology) -> IntArray:
    return topology.arcs


def _gates(topology: Topology) -> IntArray:
    return topology.gates


def _gate_sites(topology: Topology) -> IntArray:
    return topology.gate_sites


BIAS = PolynomialTerm("bias", (Monomial(1.0, (1,)),), _sites)
STIFFNESS = PolynomialTerm("stiffness", (Monomial(1 / 2, (2,)),), _sites)
CUBIC = PolynomialTerm("cubic", (Monomial(1 / 3, (3,)),), _sites)
QUARTIC = PolynomialTerm("quartic", (Monomial(1 / 4, (4,)),), _sites)
COUPLING = PolynomialTerm("coupling", (Monomial(1.0, (1, 1)),), _edges)
SQUARE_LINEAR = PolynomialTerm("square_linear", (Monomial(1.0, (2, 1)),), _arcs)
SQUARE_SQUARE = PolynomialTerm("square_square", (Monomial(1 / 2, (2, 2)),), _edges)
QUARTIC_SPRING = PolynomialTerm(
    "quartic_spring",
    tuple(Monomial(c / 4, (4 - k, k)) for k, c in enumerate((1.0, -4.0, 6.0, -4.0, 1.0))),
    _edges,
)
GATE_COUPLING = PolynomialTerm("gate_coupling", (Monomial(1.0, (1, 1, 1)),), _gates)
GATE_STIFFNESS = PolynomialTerm("gate_stiffness", (Monomial(1 / 2, (1, 2)),), _gate_sites)
GATE_BIAS = PolynomialTerm("gate_bias", (Monomial(1.0, (1, 1)),), _gate_sites)

BUILT_IN: dict[str, Term] = {
    term.name: term
    for term in (
        BIAS, STIFFNESS, CUBIC, QUARTIC, COUPLING, SQUARE_LINEAR, SQUARE_SQUARE,
        QUARTIC_SPRING, GATE_COUPLING, GATE_STIFFNESS, GATE_BIAS,
    )
}  # fmt: skip
