"""The kinds of term that make up a potential.

A term states its ends, its energy per unit parameter, its local features (the slopes of that energy
at each end), its monomials, its degree, its default range, and what confinement must know of its
growth. Terms made of monomials also run in the fused simulation kernels; any other object that
satisfies `Term` runs on the NumPy engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.physics.topology import Topology
from oscilab.plugins import find, known
from oscilab.types import FloatArray, IntArray

GROUP = "oscilab.terms"
DEFAULT_RANGE = (-100.0, 100.0)

Placement = Callable[[Topology], IntArray]


@dataclass(frozen=True)
class Monomial:
    """coefficient * product over ends of x_end ** power."""

    coefficient: float
    powers: tuple[int, ...]


@dataclass(frozen=True)
class Demand:
    """A lower bound on the part of a term that grows with power `degree`, 3 or more.

    A parameter theta > 0 adds at least theta * sum_e positive[e] |x_e|^degree to the energy, and
    theta < 0 at least |theta| * sum_e negative[e] |x_e|^degree. A quartic x^4 / 4 has
    `Demand(4, (0.25,), (-0.25,))`. Other terms must compensate a negative entry.
    """

    degree: int
    positive: tuple[float, ...]
    negative: tuple[float, ...]


class Term(Protocol):
    """One kind of drive: where its instances are and what a unit of its parameter does."""

    @property
    def name(self) -> str:
        """The name of the term, such as `stiffness`."""
        ...

    @property
    def ends(self) -> int:
        """The number of oscillators that one instance touches: one, two or three."""
        ...

    @property
    def monomials(self) -> tuple[Monomial, ...] | None:
        """The monomials whose sum is u(x), or None if it is not a polynomial."""
        ...

    @property
    def degree(self) -> int | None:
        """The degree of u(x) in positions, which determines the unit; None if it has none."""
        ...

    @property
    def default_range(self) -> tuple[float, float]:
        """The range of the parameters unless a device states another."""
        ...

    @property
    def demands(self) -> tuple[Demand, ...] | None:
        """Bounds on its growth, for confinement; () if u(x) is bounded. None is refused.

        Degree 2 is not listed: monomials of that degree enter the stiffness matrix. A term without
        monomials that falls as fast as x^2 states a demand of degree 3.
        """
        ...

    def place(self, topology: Topology) -> IntArray:
        """Return the instances, `[instance, end]`, as oscillator numbers."""
        ...

    def energy(self, *x: FloatArray) -> FloatArray:
        """Return u(x) from the positions at the ends, each `[..., instance]`."""
        ...

    def slope(self, end: int, *x: FloatArray) -> FloatArray:
        """Return the local feature du/dx_end, of the same shape."""
        ...


@dataclass(frozen=True)
class PolynomialTerm:
    """A term whose energy is a sum of monomials of its ends' positions.

    `nonnegative` states that u(x) >= 0 everywhere although single monomials are negative, as for
    (x - y)^4. All monomials must then have the same degree.

    Raises:
        InvalidInput: there are no monomials, the powers are not whole numbers, one per end, or a
            `nonnegative` term has several degrees.
    """

    name: str
    monomials: tuple[Monomial, ...]
    placement: Placement
    default_range: tuple[float, float] = DEFAULT_RANGE
    nonnegative: bool = False
    degree: int | None = field(init=False, repr=False)
    demands: tuple[Demand, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.monomials:
            raise InvalidInput(f"term {self.name} has no monomials; give it one or more")
        for monomial in self.monomials:
            powers = monomial.powers
            if len(powers) != self.ends or any(type(p) is not int or p < 0 for p in powers):
                raise InvalidInput(
                    f"term {self.name} has a monomial of powers {powers}; give a whole number, "
                    f"zero or more, for each of its {self.ends} ends"
                )
        degrees = sorted({sum(monomial.powers) for monomial in self.monomials})
        object.__setattr__(self, "degree", degrees[0] if len(degrees) == 1 else None)
        if self.nonnegative and self.degree is None:
            raise InvalidInput(
                f"term {self.name} has monomials of several degrees, so that its growth cannot be "
                "taken from its sign; leave `nonnegative` out"
            )
        object.__setattr__(self, "demands", _demands(self.monomials, self.nonnegative))

    @property
    def ends(self) -> int:
        """The number of oscillators that one instance touches."""
        return len(self.monomials[0].powers)

    def place(self, topology: Topology) -> IntArray:
        """Return the instances on this topology, `[instance, end]`."""
        return self.placement(topology)

    def energy(self, *x: FloatArray) -> FloatArray:
        """Return u(x)."""
        return _evaluate(self.monomials, x)

    def slope(self, end: int, *x: FloatArray) -> FloatArray:
        """Return du/dx_end."""
        return _evaluate(tuple(_derivatives(self.monomials, end)), x)


def _demands(monomials: tuple[Monomial, ...], nonnegative: bool) -> tuple[Demand, ...]:
    """Return bounds on the monomials of each degree above the second."""
    found: list[Demand] = []
    for degree in sorted({sum(monomial.powers) for monomial in monomials} - {0, 1, 2}):
        group = [each for each in monomials if sum(each.powers) == degree]
        positive = _least_growth(group, degree, 1.0)
        if nonnegative and min(positive) < 0:
            positive = (0.0,) * len(positive)
        found.append(Demand(degree, positive, _least_growth(group, degree, -1.0)))
    return tuple(found)


def _least_growth(monomials: list[Monomial], degree: int, sign: float) -> tuple[float, ...]:
    """Return factors a_e with sign * u(x) >= sum_e a_e |x_e|^degree.

    A product of powers p_e is at most sum_e (p_e / degree) |x_e|^degree, the weighted mean.
    """
    total = np.zeros(len(monomials[0].powers))
    for monomial in monomials:
        powers = np.array(monomial.powers)
        value = sign * monomial.coefficient
        if (powers % 2 == 0).all() and (value > 0 or (powers > 0).sum() == 1):
            # A pair's x_i^2 x_j^2 is zero if either position is, so it confines neither end.
            total += value * (powers == degree)
        else:
            total -= abs(value) * powers / degree
    return tuple(total.tolist())


def quadratic_parts(term: Term) -> list[tuple[float, int, int]]:
    """Return (coefficient, a, b) of every monomial c x_a x_b of a term, including a = b."""
    found: list[tuple[float, int, int]] = []
    for monomial in term.monomials or ():
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
            # Repeated products, because NumPy's integer power is many times slower.
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
STIFFNESS = PolynomialTerm("stiffness", (Monomial(1 / 2, (2,)),), _sites, (-200.0, 200.0))
CUBIC = PolynomialTerm("cubic", (Monomial(1 / 3, (3,)),), _sites)
QUARTIC = PolynomialTerm("quartic", (Monomial(1 / 4, (4,)),), _sites, (0.0, 100.0))
COUPLING = PolynomialTerm("coupling", (Monomial(1.0, (1, 1)),), _edges)
SQUARE_LINEAR = PolynomialTerm("square_linear", (Monomial(1.0, (2, 1)),), _arcs)
SQUARE_SQUARE = PolynomialTerm("square_square", (Monomial(1 / 2, (2, 2)),), _edges)
QUARTIC_SPRING = PolynomialTerm(
    "quartic_spring",
    tuple(Monomial(c / 4, (4 - k, k)) for k, c in enumerate((1.0, -4.0, 6.0, -4.0, 1.0))),
    _edges,
    (0.0, 100.0),
    nonnegative=True,
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
"""The built-in terms, by name."""


def known_terms() -> list[str]:
    """Return the names of all terms: built-in first, then installed."""
    return known(GROUP, BUILT_IN)


def is_known_term(name: str) -> bool:
    """Return whether a term of that name exists."""
    return name in BUILT_IN or name in known_terms()


def find_term(name: str) -> Term:
    """Return the built-in or installed term of that name.

    Raises:
        InvalidInput: there is no such term; the message lists the known ones.
        OscilabError: the term is installed but cannot be used.
    """
    return find(GROUP, name, BUILT_IN, Term)
