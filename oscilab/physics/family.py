"""All instances of one term: their parameters and their ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oscilab.physics.terms import Monomial, Term
from oscilab.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Family:
    """All instances of one term: their ends `[instance, end]` and their slice of the parameters."""

    term: Term
    ends: IntArray
    where: slice

    @property
    def name(self) -> str:
        """The term's name."""
        return self.term.name

    @cached_property
    def is_bilinear(self) -> bool:
        """Whether the term is x_i x_j, which matrix products evaluate."""
        return self.term.monomials == (Monomial(1.0, (1, 1)),)


def take(values: FloatArray, columns: IntArray) -> FloatArray:
    """Return columns of `values` `[row, column]`, without a copy if these are all, in order."""
    if len(columns) == values.shape[1] and np.array_equal(columns, np.arange(len(columns))):
        return values
    return values[:, columns]


def at_ends(positions: FloatArray, family: Family) -> list[FloatArray]:
    """Return the positions at the ends of all instances: one array `[batch, instance]` per end."""
    return [take(positions, family.ends[:, end]) for end in range(family.term.ends)]


def add_at_ends(total: FloatArray, ends: IntArray, values: FloatArray) -> None:
    """Add `values` `[batch, instance]` to the columns `ends` of `total`. Ends may repeat."""
    if len(ends) == total.shape[1] and np.array_equal(ends, np.arange(len(ends))):
        total += values
    else:
        np.add.at(total.T, ends, values.T)
