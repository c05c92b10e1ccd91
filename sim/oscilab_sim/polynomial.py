"""The gradient of a polynomial potential as tables for a compiled kernel.

Each derivative of a term is a coefficient times a product of positions, of one of three kinds:
powers of the oscillator's own position up to the third (`own`), one other position (a coupling:
`neighbours` and `weights`, or `matrix` where most pairs are coupled), and everything else
(`products`). The kind depends only on the potential, so the tables of a setting are sums of its
parameters over fixed slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from oscilab.physics.potential import Potential
from oscilab.physics.terms import Monomial
from oscilab.types import Float64Array, IndexArray

Rows = NDArray[np.uint64]
Weights = NDArray[np.float32] | Float64Array

GROUP = 8
"""Columns of the coupling matrix that the kernel adds in one pass; rows are padded to it."""
NEIGHBOURS = 4
"""Listed couplings that the kernel adds in one pass, and the multiple that lists are padded to."""
DENSE_GAIN = 3
"""Measured cost of an entry of a neighbour list over that of a matrix column."""


class Tables(NamedTuple):
    """The gradient at one setting, over rows of positions; see `Polynomial`.

    Rows 0 to n - 1 are oscillators (n even), the last row holds ones. `own` `[power, n]` are the
    coefficients of x^0 to x^3; `neighbours`, `weights` `[n, k]`, k a multiple of 4, or `matrix`
    `[n, m]`, m a multiple of 8, are the couplings; entries `starts[i]` to `starts[i + 1]` of
    `factors` `[entry, w]`, w a multiple of 3, and `scales` `[entry]` are the products.
    """

    own: Weights
    neighbours: Rows
    weights: Weights
    matrix: Weights
    starts: Rows
    factors: Rows
    scales: Weights


@dataclass(frozen=True, eq=False)
class _Slots:
    """Entries that add coefficient * parameter to table slots; `degree` is that of the energy."""

    slot: IndexArray
    parameter: IndexArray
    coefficient: Float64Array
    degree: Float64Array

    def fill(
        self, parameters: Float64Array, size: int, scale: float, by_degree: bool
    ) -> Float64Array:
        values = parameters[self.parameter] * (scale * self.coefficient)
        if by_degree:
            values /= self.degree
        return np.bincount(self.slot, values, minlength=size).astype(np.float64)


class Polynomial:
    """Makes the tables of any setting of one potential, whose terms must all be polynomials."""

    def __init__(self, potential: Potential) -> None:
        self.oscillators = potential.oscillators
        self.sites = potential.oscillators + potential.oscillators % 2
        self.columns = -(-potential.oscillators // GROUP) * GROUP
        self.rows = self.columns + 1
        derivatives = _derivatives(potential)
        self._own = self._place_own([d for d in derivatives if d.is_own])
        self._place_couplings([d for d in derivatives if d.is_coupling])
        self._place_products([d for d in derivatives if not (d.is_own or d.is_coupling)])

    @property
    def entries(self) -> int:
        """The number of table entries, each of which costs a product for every row."""
        return 4 * self.sites + self._coupling_slots + len(self._factors)

    def tables(
        self,
        parameters: Float64Array,
        dtype: DTypeLike,
        scale: float = 1.0,
        by_degree: bool = False,
    ) -> Tables:
        """Return the tables of `scale` times grad U.

        With `by_degree` every monomial's derivative is divided by its degree, so that by Euler's
        theorem sum_i x_i g_i is the energy.
        """
        own = self._own.fill(parameters, 4 * self.sites, scale, by_degree)
        couplings = self._couplings.fill(parameters, self._coupling_slots, scale, by_degree)
        scales = self._products.fill(parameters, len(self._factors), scale, by_degree)
        width = 0 if self._dense else self._neighbours.shape[1]
        shape = (self.sites, self.columns) if self._dense else (0, 0)
        return Tables(
            own=own.reshape(4, self.sites).astype(dtype),
            neighbours=self._neighbours,
            weights=(couplings[:0] if self._dense else couplings)
            .reshape(self.sites, width)
            .astype(dtype),
            matrix=(couplings if self._dense else couplings[:0]).reshape(shape).astype(dtype),
            starts=self._starts,
            factors=self._factors,
            scales=scales.astype(dtype),
        )

    def _place_own(self, derivatives: list[_Derivative]) -> _Slots:
        return _slots(derivatives, [len(d.factors) * self.sites + d.target for d in derivatives])

    def _place_couplings(self, derivatives: list[_Derivative]) -> None:
        targets = _concatenated([d.target for d in derivatives])
        sources = _concatenated([d.factors[0] for d in derivatives])
        pairs, place = np.unique(targets * self.rows + sources, return_inverse=True)
        target, source = np.divmod(pairs, self.rows)
        counts = np.bincount(target, minlength=self.sites)
        width = max(NEIGHBOURS, -(-int(counts.max(initial=0)) // NEIGHBOURS) * NEIGHBOURS)
        self._dense = self.columns < DENSE_GAIN * width
        if self._dense:
            slots = target * self.columns + source
            self._neighbours = np.zeros((self.sites, 0), np.uint64)
            self._coupling_slots = self.sites * self.columns
        else:
            rank = np.arange(len(pairs)) - (np.cumsum(counts) - counts)[target]
            slots = target * width + rank
            # Unused places have weight zero and point to the oscillator itself, a row in cache.
            own = np.repeat(np.arange(self.sites, dtype=np.uint64), width)
            own[slots] = source
            self._neighbours = own.reshape(self.sites, width)
            self._coupling_slots = self.sites * width
        self._couplings = _slots(derivatives, [slots[place]] if derivatives else [])

    def _place_products(self, derivatives: list[_Derivative]) -> None:
        longest = max((len(d.factors) for d in derivatives), default=1)
        width = -(-longest // 3) * 3
        ones = self.rows - 1
        factors: list[IndexArray] = []
        for d in derivatives:
            table = np.full((len(d.target), width), ones, np.intp)
            for column, factor in enumerate(d.factors):
                table[:, column] = factor
            factors.append(table)
        targets = _concatenated([d.target for d in derivatives])
        order = np.argsort(targets, kind="stable")
        slot = np.empty_like(order)
        slot[order] = np.arange(len(order))
        stacked = np.concatenate([np.zeros((0, width), np.intp), *factors])
        self._factors: Rows = stacked[order].astype(np.uint64)
        counts = np.bincount(targets, minlength=self.sites)
        self._starts: Rows = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
        self._products = _slots(derivatives, [slot] if derivatives else [])


@dataclass(frozen=True, eq=False)
class _Derivative:
    """coefficient * parameter * product of factors, for every instance of one family.

    `target` `[instance]` feels the force; each of `factors` is `[instance]`.
    """

    target: IndexArray
    factors: list[IndexArray]
    parameter: IndexArray
    coefficient: float
    is_own: bool

    @property
    def is_coupling(self) -> bool:
        return not self.is_own and len(self.factors) == 1


def _derivatives(potential: Potential) -> list[_Derivative]:
    found: list[_Derivative] = []
    for family in potential.families.values():
        parameter = np.arange(family.where.start, family.where.stop)
        monomials = family.term.monomials
        assert monomials is not None
        for monomial in monomials:
            for end, power in enumerate(monomial.powers):
                if power:
                    names = _factors(monomial, end)
                    found.append(
                        _Derivative(
                            target=family.ends[:, end],
                            factors=[family.ends[:, name] for name in names],
                            parameter=parameter,
                            coefficient=monomial.coefficient * power,
                            is_own=len(names) <= 3 and all(name == end for name in names),
                        )
                    )
    return found


def _factors(monomial: Monomial, end: int) -> list[int]:
    """Return the ends whose positions are the factors of d(monomial)/dx_end, with repetition."""
    return [
        name
        for name, power in enumerate(monomial.powers)
        for _ in range(power - (1 if name == end else 0))
    ]


def _slots(derivatives: list[_Derivative], slots: list[IndexArray]) -> _Slots:
    sizes = [len(d.target) for d in derivatives]
    return _Slots(
        slot=_concatenated(slots),
        parameter=_concatenated([d.parameter for d in derivatives]),
        coefficient=np.repeat([d.coefficient for d in derivatives], sizes),
        degree=np.repeat([len(d.factors) + 1.0 for d in derivatives], sizes),
    )


def _concatenated(parts: list[IndexArray]) -> IndexArray:
    return np.concatenate([np.zeros(0, np.intp), *parts])
