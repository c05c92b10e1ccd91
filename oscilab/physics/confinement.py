"""Whether a potential holds its oscillators in, and the least change that makes it.

At large |x| the terms of highest order decide. Every oscillator needs a quartic above
sum_j max(0, -c_ij) of its x_i^2 x_j^2 / 2 terms and 8 sum_j max(0, -s_ij) of its
(x_i - x_j)^4 / 4 terms; it may be exactly zero where no term of third order reaches that
oscillator and the stiffness matrix, restricted to all oscillators with zero quartic, is positive
definite: elsewhere the quartic outgrows whatever couples to it. Without quartic terms the whole
stiffness matrix must be, and neither a third order nor such a negative pair can be held.

The margin is how far above its bound a quartic is put that lacks something, so that a projected
array is held within a reach that can be seen. One that is above its bound already is left alone,
however little that is: it confines, and raising it would move what was learned.

Terms that are written anew are taken to be bounded below, but for the second and third order of
those made of monomials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics.box import ParameterBox
from oscilab.physics.family import Family
from oscilab.physics.potential import Potential
from oscilab.physics.terms import PolynomialTerm
from oscilab.types import BoolArray, Float64Array, IndexArray

PAIR_DEMANDS = {"square_square": 1.0, "quartic_spring": 8.0}
"""Quartic that one negative unit of a pair term needs at each end; (a - b)^4 <= 8 (a^4 + b^4)."""
ROUNDING = 1e-9
"""Stiffness to spare, so that a projected matrix is positive definite after rounding as well."""


@dataclass(frozen=True)
class Confinement:
    """The constraint, with the margins that stand for "above": of quartic and of stiffness."""

    potential: Potential
    quartic_margin: float = 1e-4
    stiffness_margin: float = 1e-3

    def check_terms(self) -> None:
        """Refuse terms that no setting but zero could confine.

        Raises:
            InvalidInput: naming the terms of third order that lack a quartic beside them.
        """
        families = self.potential.families.values()
        third = [family.name for family in families if _is_third_order(family)]
        if third and "quartic" not in self.potential.families:
            raise InvalidInput(
                f"the potential has {', '.join(third)} but no quartic, which alone confines a "
                "third order; add the term quartic"
            )

    def shortfall(self, parameters: Float64Array) -> Float64Array:
        """How much quartic each oscillator lacks, `[oscillator]`; zero all over where it confines.

        A potential without quartic terms lacks stiffness instead, by the same amount everywhere.

        Raises:
            OutOfBox: naming a parameter that only a quartic could hold, where there is none.
        """
        potential = self.potential
        if "quartic" not in potential.families:
            self._refuse_without_quartic(parameters)
            lowest = float(np.linalg.eigvalsh(potential.stiffness_matrix(parameters))[0])
            lack = max(0.0, self.stiffness_margin - lowest)
            return np.full(potential.oscillators, lack)
        quartic = parameters[potential.family("quartic").where]
        needed = self._pair_demand(parameters)
        at_floor = quartic <= needed
        strict = at_floor & ((needed > 0) | self._reached_by_third_order(parameters))
        loose = at_floor & ~strict
        if loose.any() and not self._positive_definite(parameters, np.flatnonzero(loose)):
            strict |= loose
        required = needed + np.where(strict, self.quartic_margin, 0.0)
        return np.maximum(required - quartic, 0.0)

    def project(self, parameters: Float64Array, box: ParameterBox) -> Float64Array:
        """`parameters` with as much quartic (or stiffness) added as is lacking.

        Raises:
            OutOfBox: the box leaves no room for it.
        """
        lack = self.shortfall(parameters)
        if not lack.any():
            return parameters
        name = "quartic" if "quartic" in self.potential.families else "stiffness"
        where = self.potential.family(name).where
        raised = parameters.copy()
        raised[where] += lack if name == "quartic" else lack + ROUNDING
        over = raised[where] > box.upper[where]
        if over.any():
            first = int(np.flatnonzero(over)[0])
            raise OutOfBox(
                f"{name}[{first}] would have to be {raised[where][first]:.8g} to confine the "
                f"array, above its upper bound {box.upper[where][first]:.8g}; widen the box"
            )
        return raised

    def check(self, parameters: Float64Array) -> None:
        """Refuse a potential that lets an oscillator escape.

        Raises:
            OutOfBox: naming the oscillator that is held least.
        """
        lack = self.shortfall(parameters)
        if lack.any():
            loosest = self._loosest(parameters, np.flatnonzero(lack == lack.max()))
            name = "quartic" if "quartic" in self.potential.families else "stiffness"
            raise OutOfBox(
                f"oscillator {loosest} could escape to infinity: its {name} lacks "
                f"{lack[loosest]:g}; raise it"
            )

    def _loosest(self, parameters: Float64Array, sites: IndexArray) -> int:
        # Where a whole block is too soft, the one that moves most in its softest mode.
        block = self.potential.stiffness_matrix(parameters)[np.ix_(sites, sites)]
        mode = np.abs(np.linalg.eigh(block)[1][:, 0])
        return int(sites[mode.round(6).argmax()])

    def _refuse_without_quartic(self, parameters: Float64Array) -> None:
        for family in self.potential.families.values():
            theta = parameters[family.where]
            escaping = theta != 0 if _is_third_order(family) else theta < 0
            if escaping.any() and (_is_third_order(family) or family.name in PAIR_DEMANDS):
                first = family.where.start + int(np.flatnonzero(escaping)[0])
                raise OutOfBox(
                    f"parameter {self.potential.names[first]} is {parameters[first]:g}, with which "
                    "an oscillator could escape to infinity; add the term quartic, or make it zero"
                )

    def _pair_demand(self, parameters: Float64Array) -> Float64Array:
        demand = np.zeros(self.potential.oscillators)
        for name, each in PAIR_DEMANDS.items():
            if name in self.potential.families:
                family = self.potential.families[name]
                attraction = each * np.maximum(0.0, -parameters[family.where])
                for end in family.ends.T:
                    np.add.at(demand, end, attraction)
        return demand

    def _reached_by_third_order(self, parameters: Float64Array) -> BoolArray:
        reached = np.zeros(self.potential.oscillators, np.bool_)
        for family in self.potential.families.values():
            if _is_third_order(family):
                reached[family.ends[parameters[family.where] != 0].ravel()] = True
        return reached

    def _positive_definite(self, parameters: Float64Array, sites: IndexArray) -> bool:
        matrix = self.potential.stiffness_matrix(parameters)
        if len(sites) < len(matrix):
            matrix = matrix[np.ix_(sites, sites)]
        diagonal = np.diagonal(matrix)
        # Dominant diagonal is sufficient and cheap; training asks at every step.
        if (2 * diagonal - np.abs(matrix).sum(axis=1) > self.stiffness_margin).all():
            return True
        shifted = matrix - self.stiffness_margin * np.eye(len(sites))
        try:
            np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            return False
        return True


def _is_third_order(family: Family) -> bool:
    term = family.term
    return isinstance(term, PolynomialTerm) and any(
        sum(monomial.powers) == 3 for monomial in term.monomials
    )
