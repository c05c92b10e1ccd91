"""Test whether a potential confines its oscillators, and make the least change so that it does.

At large |x| the terms of highest order decide. Each term states how it grows at its ends
(`Demand`). Take the even degrees d from the highest down. An oscillator is held by x^d if the
coefficient of its own x^d exceeds what the other terms of that degree subtract: for example
sum_j max(0, -c_ij) for c_ij x_i^2 x_j^2 / 2 beside a quartic x_i^4 / 4, or
8 sum_j max(0, -s_ij) for s_ij (x_i - x_j)^4 / 4. The excess may be exactly zero if nothing is
subtracted and no term of degree d - 1 reaches that oscillator: the next lower degree then decides.
For the oscillators that no degree above the second holds, the stiffness matrix restricted to them
must be positive definite: elsewhere the higher degree outgrows every coupling.

If the bound is not met, the on-site term of that degree (quartic, or one of a higher even degree)
is raised. If there is no such term, or the stiffness matrix is not positive definite, the stiffness
is raised.

A term that is raised is put above its bound by a margin, so that the oscillators of a projected
array stay within a finite reach. A term already above its bound is left alone, however close it
is: it confines, and raising it would change what was learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics.box import ParameterBox
from oscilab.physics.family import Family
from oscilab.physics.potential import Potential
from oscilab.physics.terms import Demand
from oscilab.types import BoolArray, Float64Array, IndexArray

STIFFNESS = "stiffness"
ROUNDING = 1e-9
"""Extra stiffness, so that a projected matrix is still positive definite after rounding."""


@dataclass(frozen=True)
class Confinement:
    """The constraint that a potential confines its oscillators, with margins.

    `quartic_margin` applies to every on-site term of fourth or higher degree.
    """

    potential: Potential
    quartic_margin: float = 1e-4
    stiffness_margin: float = 1e-3

    def check_terms(self) -> None:
        """Refuse terms that only a zero parameter could confine.

        Raises:
            InvalidInput: a term has no `demands`, or a term is unbounded below for either sign of
                its parameter and there is no on-site term of higher degree.
        """
        degrees = _degrees_of(self.potential)
        highest = max((degree.number for degree in degrees if degree.holder), default=2)
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
        """Return how much quartic each oscillator lacks, `[oscillator]`: zeros if it confines.

        If an on-site term of another degree holds the oscillator, the amount is in that term. If
        none does, it is in stiffness, and the same for all such oscillators.

        Raises:
            InvalidInput: a term has no `demands`.
            OutOfBox: a parameter could only be confined by a term that the potential lacks.
        """
        total = np.zeros(self.potential.oscillators)
        for lack in self._lacking(parameters).values():
            total += lack
        return total

    def project(self, parameters: Float64Array, box: ParameterBox) -> Float64Array:
        """Return `parameters` with the lacking quartic (or stiffness) added.

        Raises:
            InvalidInput: as `shortfall`.
            OutOfBox: as `shortfall`, or an upper bound of the box is too low.
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
            OutOfBox: an oscillator could escape; the message names the loosest one.
        """
        for name, lack in self._lacking(parameters).items():
            loosest = self._loosest(parameters, np.flatnonzero(lack == lack.max()))
            raise OutOfBox(
                f"oscillator {loosest} could escape to infinity: its {name} lacks "
                f"{lack[loosest]:g}; raise it"
            )

    def _lacking(self, parameters: Float64Array) -> dict[str, Float64Array]:
        """Return what each oscillator lacks of each family; empty if the potential confines."""
        loose = np.ones(self.potential.oscillators, np.bool_)
        balances: list[_Balance] = []
        for degree in _degrees_of(self.potential):
            balance = degree.balance(parameters, loose)
            at_floor = loose & (balance.has <= balance.needed)
            if not balances and not at_floor.any():
                return {}  # The highest degree holds every oscillator; training mostly ends here.
            balances.append(balance)
            strict = at_floor & ((balance.needed > 0) | balance.reached)
            left = _raise(balances, strict)
            if left.any():
                self._refuse(degree.number, left, parameters)
            loose = at_floor & ~strict
        movable = loose & np.any([balance.degree.raisable for balance in balances], axis=0)
        soft = np.zeros(self.potential.oscillators)
        if loose.any() and not (movable.any() and self._is_stiff(parameters, loose)):
            _raise(balances, movable)
            fixed = np.flatnonzero(loose & ~movable)
            if fixed.size:
                block = self.potential.stiffness_matrix(parameters)[np.ix_(fixed, fixed)]
                lowest = float(np.linalg.eigvalsh(block)[0])
                soft[fixed] = max(0.0, self.stiffness_margin - lowest)
        lacking = {balance.degree.name: balance.lack(self.quartic_margin) for balance in balances}
        lacking[STIFFNESS] = soft
        return {name: lack for name, lack in lacking.items() if lack.any()}

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
        # If a whole block is too soft, name the oscillator that moves most in the softest mode.
        block = self.potential.stiffness_matrix(parameters)[np.ix_(sites, sites)]
        mode = np.abs(np.linalg.eigh(block)[1][:, 0])
        return int(sites[mode.round(6).argmax()])

    def _is_stiff(self, parameters: Float64Array, sites: BoolArray) -> bool:
        matrix = self.potential.stiffness_matrix(parameters)
        if not sites.all():
            matrix = matrix[np.ix_(sites, sites)]
        diagonal = np.diagonal(matrix)
        # A dominant diagonal is sufficient and cheap to test; training calls this at every step.
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
    """The families that matter at one even degree `number`.

    `holder` is the on-site family that is raised where something is lacking, `held` the oscillators
    of its instances, `raisable` `[oscillator]` marks them. `takes` are the ends of families that
    subtract from it, in its unit: where their parameters are, the oscillators, and what a positive
    or a negative parameter subtracts. `reaches` is the same for families of one degree less.
    """

    number: int
    holder: Family | None
    held: IndexArray
    raisable: BoolArray
    takes: tuple[_End, ...]
    reaches: tuple[_End, ...]

    @property
    def name(self) -> str:
        return self.holder.name if self.holder else ""

    def balance(self, parameters: Float64Array, open_: BoolArray) -> _Balance:
        """Weigh the terms of this degree; `open_` marks what no higher degree holds."""
        count = len(self.raisable)
        has, needed, reached = np.zeros(count), np.zeros(count), np.zeros(count, np.bool_)
        if self.holder is not None:
            has[self.held] = parameters[self.holder.where]
        for where, at, positive, negative in self.takes:
            theta = parameters[where]
            taken = np.where(theta > 0, positive * theta, -negative * theta)
            needed += np.bincount(at, taken, count)
        for where, at, positive, negative in self.reaches:
            theta = parameters[where]
            falls = ((theta > 0) & (positive > 0)) | ((theta < 0) & (negative > 0))
            reached[at[falls]] = True
        return _Balance(self, open_, has, needed, reached, np.zeros(count, np.bool_))


_End = tuple[slice, IndexArray, float, float]


@dataclass(frozen=True, eq=False)
class _Balance:
    """What holds the oscillators at one degree, `[oscillator]` each.

    `has` are the parameters of the degree's holder, `needed` is what other terms of that degree
    subtract, in the same unit. `open` marks the oscillators that no higher degree holds, `reached`
    those that a term of one degree less reaches, `strict` those that need more than exactly
    `needed`.
    """

    degree: _Degree
    open: BoolArray
    has: Float64Array
    needed: Float64Array
    reached: BoolArray
    strict: BoolArray

    def lack(self, margin: float) -> Float64Array:
        required = self.needed + np.where(self.strict, margin, 0.0)
        wanted = np.maximum(required - self.has, 0.0)
        return np.where(self.open & self.degree.raisable, wanted, 0.0)


@lru_cache(maxsize=16)
def _degrees_of(potential: Potential) -> tuple[_Degree, ...]:
    """Return the even degrees above the second that decide something, from the highest."""
    families = potential.families.values()
    found = [demand.degree for family in families for demand in _demands(family)]
    highest = max(found, default=2)
    return tuple(_degree(potential, number) for number in range(highest + highest % 2, 2, -2))


def _degree(potential: Potential, number: int) -> _Degree:
    holder, unit, held = _holder(potential, number), 1.0, np.zeros(0, np.intp)
    if holder is not None:
        unit, held = _demands(holder)[0].positive[0], holder.ends[:, 0]
    takes: list[_End] = []
    reaches: list[_End] = []
    for family in potential.families.values():
        for demand in _demands(family):
            for end, (positive, negative) in enumerate(
                zip(demand.positive, demand.negative, strict=True)
            ):
                falls = (family.where, family.ends[:, end], -positive / unit, -negative / unit)
                if demand.degree == number - 1:
                    reaches.append(falls)
                elif demand.degree == number and family is not holder:
                    takes.append(falls)
    raisable = np.zeros(potential.oscillators, np.bool_)
    raisable[held] = True
    return _Degree(number, holder, held, raisable, tuple(takes), tuple(reaches))


def _holder(potential: Potential, degree: int) -> Family | None:
    """Return the on-site family of that degree, which is raised where needed."""
    for family in potential.families.values():
        demands = _demands(family)
        if len(demands) == 1 and demands[0].degree == degree and family.term.ends == 1:
            (unit,), (fall,) = demands[0].positive, demands[0].negative
            if unit > 0 and fall == -unit and len(np.unique(family.ends)) == len(family.ends):
                return family
    return None


def _raise(balances: list[_Balance], sites: BoolArray) -> BoolArray:
    """Mark the lowest raisable degree at each of `sites` as strict; return the remaining sites."""
    left = sites.copy()
    for balance in reversed(balances):
        balance.strict[left & balance.degree.raisable] = True
        left &= ~balance.degree.raisable
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
