"""Whether a potential holds its oscillators in, and the least change that makes it.

At large |x| the terms of highest order decide. Each term states how it grows at its ends
(`Demand`). Going down the even degrees d from the highest, an oscillator is held by x^d where the
coefficient of its own x^d exceeds what the other terms of that degree take away, such as
sum_j max(0, -c_ij) of its c_ij x_i^2 x_j^2 / 2 beside a quartic x_i^4 / 4, or
8 sum_j max(0, -s_ij) of its s_ij (x_i - x_j)^4 / 4. The excess may be exactly zero where nothing
is taken away and no term of degree d - 1 reaches that oscillator: the next lower degree then
decides. What no degree above the second holds needs a stiffness matrix, restricted to all such
oscillators, that is positive definite: elsewhere the higher degree outgrows whatever couples to it.

One on-site term of each degree (quartic, or one of a higher even degree) is raised where something
is lacking; where there is none, or the stiffness is what lacks, the stiffness is.

The margin is how far above its bound such a term is put that lacks something, so that a projected
array is held within a reach that can be seen. One that is above its bound already is left alone,
however little that is: it confines, and raising it would move what was learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics.box import ParameterBox
from oscilab.physics.family import Family
from oscilab.physics.potential import Potential
from oscilab.physics.terms import Demand
from oscilab.types import BoolArray, Float64Array, IndexArray

STIFFNESS = "stiffness"
ROUNDING = 1e-9
"""Stiffness to spare, so that a projected matrix is positive definite after rounding as well."""


@dataclass(frozen=True)
class Confinement:
    """The constraint, with the margins that stand for "above": of quartic and of stiffness.

    `quartic_margin` is that of every on-site term of fourth or higher degree.
    """

    potential: Potential
    quartic_margin: float = 1e-4
    stiffness_margin: float = 1e-3

    def check_terms(self) -> None:
        """Refuse terms that no setting but zero could confine.

        Raises:
            InvalidInput: naming a term that does not say how it grows, or those that fall without
                end at either sign and lack an on-site term of higher degree beside them.
        """
        highest = max((each for each in self._degrees() if self._holder(each)), default=2)
        loose: dict[str, int] = {}
        for name, family in self.potential.families.items():
            for demand in _demands(family):
                if min(demand.positive) < 0 > min(demand.negative) and demand.degree > highest:
                    loose[name] = demand.degree
        if not loose:
            return
        names, most = ", ".join(loose), max(loose.values())
        if most == 3:
            raise InvalidInput(
                f"the potential has {names} but no quartic, which alone confines a third order; "
                "add the term quartic"
            )
        raise InvalidInput(
            f"the potential has {names} but no on-site term of degree {most + most % 2} or a "
            "higher even one, which alone confines a term that falls at either sign; add one"
        )

    def shortfall(self, parameters: Float64Array) -> Float64Array:
        """How much quartic each oscillator lacks, `[oscillator]`; zero all over where it confines.

        Where an on-site term of another degree holds an oscillator, it lacks that. One without any
        such term lacks stiffness, by the same amount everywhere.

        Raises:
            InvalidInput: naming a term that does not say how it grows.
            OutOfBox: naming a parameter that only a term that there is not could hold.
        """
        total = np.zeros(self.potential.oscillators)
        for lack in self._lacking(parameters).values():
            total += lack
        return total

    def project(self, parameters: Float64Array, box: ParameterBox) -> Float64Array:
        """`parameters` with as much quartic (or stiffness) added as is lacking.

        Raises:
            InvalidInput: as `shortfall`.
            OutOfBox: as `shortfall`, or the box leaves no room.
        """
        lacking = self._lacking(parameters)
        if not lacking:
            return parameters
        raised = parameters.copy()
        for name, lack in lacking.items():
            family = self.potential.family(name)
            added = lack[family.ends[:, 0]]
            if name == STIFFNESS:
                added = np.where(added > 0, added + ROUNDING, 0.0)
            raised[family.where] += added
            value, bound = raised[family.where], box.upper[family.where]
            over = value > bound
            if over.any():
                first = int(np.flatnonzero(over)[0])
                raise OutOfBox(
                    f"{self.potential.names[family.where.start + first]} would have to be "
                    f"{value[first]:.8g} to confine the array, above its upper bound "
                    f"{bound[first]:.8g}; widen the box"
                )
        return raised

    def check(self, parameters: Float64Array) -> None:
        """Refuse a potential that lets an oscillator escape.

        Raises:
            InvalidInput: as `shortfall`.
            OutOfBox: naming the oscillator that is held least.
        """
        for name, lack in self._lacking(parameters).items():
            loosest = self._loosest(parameters, np.flatnonzero(lack == lack.max()))
            raise OutOfBox(
                f"oscillator {loosest} could escape to infinity: its {name} lacks "
                f"{lack[loosest]:g}; raise it"
            )

    def _lacking(self, parameters: Float64Array) -> dict[str, Float64Array]:
        """By family, what each oscillator lacks of it; empty where the potential confines."""
        loose = np.ones(self.potential.oscillators, np.bool_)
        degrees: list[_Degree] = []
        for number in self._degrees():
            degree = self._degree(number, parameters, loose)
            degrees.append(degree)
            at_floor = loose & (degree.has <= degree.needed)
            strict = at_floor & ((degree.needed > 0) | degree.reached)
            left = _raise(degrees, strict)
            if left.any():
                self._refuse(number, left, parameters)
            loose = at_floor & ~strict
        movable = loose & np.any([degree.raisable for degree in degrees], axis=0)
        soft = np.zeros(self.potential.oscillators)
        if loose.any() and not (movable.any() and self._is_stiff(parameters, loose)):
            _raise(degrees, movable)
            fixed = np.flatnonzero(loose & ~movable)
            if fixed.size:
                block = self.potential.stiffness_matrix(parameters)[np.ix_(fixed, fixed)]
                lowest = float(np.linalg.eigvalsh(block)[0])
                soft[fixed] = max(0.0, self.stiffness_margin - lowest)
        lacking = {degree.name: degree.lack(self.quartic_margin) for degree in degrees}
        lacking[STIFFNESS] = soft
        return {name: lack for name, lack in lacking.items() if lack.any()}

    def _degrees(self) -> list[int]:
        """The even degrees above the second that decide something, from the highest."""
        families = self.potential.families.values()
        found = [demand.degree for family in families for demand in _demands(family)]
        highest = max(found, default=2)
        return list(range(highest + highest % 2, 2, -2))

    def _holder(self, degree: int) -> Family | None:
        """The family that is raised where something of that degree is lacking."""
        for family in self.potential.families.values():
            demands = _demands(family)
            if len(demands) == 1 and demands[0].degree == degree and family.term.ends == 1:
                (unit,), (fall,) = demands[0].positive, demands[0].negative
                if unit > 0 and fall == -unit and len(np.unique(family.ends)) == len(family.ends):
                    return family
        return None

    def _degree(self, number: int, parameters: Float64Array, open_: BoolArray) -> _Degree:
        has, needed = np.zeros((2, self.potential.oscillators))
        reached = np.zeros(self.potential.oscillators, np.bool_)
        raisable = np.zeros(self.potential.oscillators, np.bool_)
        holder, unit = self._holder(number), 1.0
        if holder is not None:
            unit = _demands(holder)[0].positive[0]
            has[holder.ends[:, 0]] = parameters[holder.where]
            raisable[holder.ends[:, 0]] = True
        for family in self.potential.families.values():
            theta = parameters[family.where]
            for demand in _demands(family):
                for end, grows in enumerate(zip(demand.positive, demand.negative, strict=True)):
                    at = family.ends[:, end]
                    if demand.degree == number - 1:
                        reached[at[_falls(theta, *grows)]] = True
                    elif demand.degree == number and family is not holder:
                        for each, part in zip(grows, (theta, -theta), strict=True):
                            if each:
                                np.add.at(needed, at, (-each / unit) * np.maximum(0.0, part))
        return _Degree(holder, open_, raisable, has, needed, reached, np.zeros_like(reached))

    def _refuse(self, degree: int, sites: BoolArray, parameters: Float64Array) -> None:
        for family in self.potential.families.values():
            theta = parameters[family.where]
            escaping = np.zeros(len(theta), np.bool_)
            for demand in _demands(family):
                if demand.degree in (degree - 1, degree):
                    for end, grows in enumerate(zip(demand.positive, demand.negative, strict=True)):
                        escaping |= _falls(theta, *grows) & sites[family.ends[:, end]]
            if escaping.any():
                first = family.where.start + int(np.flatnonzero(escaping)[0])
                remedy = "the term quartic" if degree == 4 else f"an on-site term of x^{degree}"
                raise OutOfBox(
                    f"parameter {self.potential.names[first]} is {parameters[first]:g}, with which "
                    f"an oscillator could escape to infinity; add {remedy}, or make it zero"
                )

    def _loosest(self, parameters: Float64Array, sites: IndexArray) -> int:
        # Where a whole block is too soft, the one that moves most in its softest mode.
        block = self.potential.stiffness_matrix(parameters)[np.ix_(sites, sites)]
        mode = np.abs(np.linalg.eigh(block)[1][:, 0])
        return int(sites[mode.round(6).argmax()])

    def _is_stiff(self, parameters: Float64Array, sites: BoolArray) -> bool:
        matrix = self.potential.stiffness_matrix(parameters)
        if not sites.all():
            matrix = matrix[np.ix_(sites, sites)]
        diagonal = np.diagonal(matrix)
        # Dominant diagonal is sufficient and cheap; training asks at every step.
        if (2 * diagonal - np.abs(matrix).sum(axis=1) > self.stiffness_margin).all():
            return True
        shifted = matrix - self.stiffness_margin * np.eye(len(matrix))
        try:
            np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            return False
        return True


@dataclass(frozen=True, eq=False)
class _Degree:
    """What holds the oscillators at one even degree, `[oscillator]` each.

    `has` are the parameters of the family `holder`, in whose unit is `needed`, what other terms of
    that degree take away. `open` marks the oscillators that no higher degree holds, `raisable`
    those with an instance of the holder, `reached` those that a term of one degree less reaches,
    `strict` those that need more than exactly `needed`.
    """

    holder: Family | None
    open: BoolArray
    raisable: BoolArray
    has: Float64Array
    needed: Float64Array
    reached: BoolArray
    strict: BoolArray

    @property
    def name(self) -> str:
        return self.holder.name if self.holder else ""

    def lack(self, margin: float) -> Float64Array:
        required = self.needed + np.where(self.strict, margin, 0.0)
        return np.where(self.open & self.raisable, np.maximum(required - self.has, 0.0), 0.0)


def _raise(degrees: list[_Degree], sites: BoolArray) -> BoolArray:
    """Ask for more of the lowest degree that can be raised at each of `sites`; return the rest."""
    left = sites.copy()
    for degree in reversed(degrees):
        degree.strict[left & degree.raisable] = True
        left &= ~degree.raisable
    return left


def _falls(theta: Float64Array, positive: float, negative: float) -> BoolArray:
    return ((theta > 0) & (positive < 0)) | ((theta < 0) & (negative < 0))


def _demands(family: Family) -> tuple[Demand, ...]:
    demands = family.term.demands
    if demands is None:
        raise InvalidInput(
            f"term {family.name} does not say how it grows at large positions, so that nothing "
            "tells whether the array is confined; give it `demands`, () if it is bounded"
        )
    return demands
