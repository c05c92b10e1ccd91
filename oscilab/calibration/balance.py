"""The balance of forces on a clamped oscillator, as a linear fit.

Clamps say where each oscillator is and force sensors what it feels. With theta_p = a_p V_p + b_p,
the force on oscillator i is -sum_p (a_p V_p + b_p) d_i u_p(x): linear in the unknown a and b, of
which only those matter that have an end at i.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from oscilab.calibration.fit import Block, Fit, blockwise_least_squares
from oscilab.physics import Potential
from oscilab.physics.potential import Family
from oscilab.types import FloatArray

Pair = tuple[int, int]


@dataclass(frozen=True)
class _End:
    parameter: int
    family: Family
    instance: int
    end: int


@dataclass(frozen=True, eq=False)
class Balance:
    """Settings of a sweep and what they did: `volts` `[point, line]` of all lines, those of the
    parameters first; `positions` and `forces` `[point, oscillator]` in core units. Oscillators
    whose force sensor is broken have NaN there, and do not count. `sensed` are the volts `[point,
    neighbour]` of the inputs next to each force sensor's.
    """

    potential: Potential
    volts: FloatArray
    positions: FloatArray
    forces: FloatArray
    sensed: Sequence[FloatArray]

    def at(self, positions: FloatArray) -> Balance:
        """The same, with oscillators elsewhere."""
        return replace(self, positions=positions)

    @cached_property
    def seen(self) -> list[int]:
        """Oscillators whose forces are known."""
        return [i for i, force in enumerate(self.forces.T) if np.isfinite(force).all()]

    @cached_property
    def judged(self) -> list[int]:
        """Parameters with an end that is seen: of the others nothing can be said."""
        return sorted({end.parameter for i in self.seen for end in self._ends[i]})

    @cached_property
    def pickups(self) -> list[Pair]:
        """(oscillator, neighbour) of all that force sensors could pick up."""
        return [(i, n) for i in self.seen for n in range(self.sensed[i].shape[1])]

    def fit(self, pairs: list[Pair], *, pickups: bool = False) -> Fit:
        """Unknowns: the slope of each (parameter, line) of `pairs`, then each one's constant, then
        the force a volt of `pickups`, if these are wanted.

        Raises:
            InvalidInput: too many of them, or too few points.
        """
        lines: dict[int, list[Pair]] = {}
        for column, (parameter, line) in enumerate(pairs):
            lines.setdefault(parameter, []).append((column, line))
        known = len(pairs) + self.potential.parameters
        first = known if pickups else None
        unknowns = known + (len(self.pickups) if pickups else 0)
        return blockwise_least_squares(lambda: self._blocks(lines, len(pairs), first), unknowns)

    def _blocks(
        self, lines: dict[int, list[Pair]], constants: int, pickups: int | None
    ) -> Iterator[Block]:
        ones = np.ones(len(self.volts))
        taken = pickups or 0
        for oscillator in self.seen:
            columns: list[int] = []
            parts: list[FloatArray] = []
            for end in self._ends[oscillator]:
                x = [self.positions[:, i] for i in end.family.ends[end.instance].tolist()]
                slope: FloatArray = -np.asarray(end.family.term.slope(end.end, *x), np.float64)
                for column, line in lines.get(end.parameter, []):
                    columns.append(column)
                    parts.append(slope * self.volts[:, line])
                columns.append(constants + end.parameter)
                parts.append(slope * ones)
            if pickups is not None:
                sensed = self.sensed[oscillator].T
                columns.extend(range(taken, taken + len(sensed)))
                parts.extend(sensed)
                taken += len(sensed)
            yield Block(
                np.array(columns, np.intp), np.stack(parts, axis=1), self.forces[:, oscillator]
            )

    @cached_property
    def _ends(self) -> list[list[_End]]:
        """What pulls at each oscillator."""
        found: list[list[_End]] = [list[_End]() for _ in range(self.potential.oscillators)]
        for family in self.potential.families.values():
            every: list[list[int]] = family.ends.tolist()
            for instance, ends in enumerate(every):
                for end, oscillator in enumerate(ends):
                    parameter = family.where.start + instance
                    found[oscillator].append(_End(parameter, family, instance, end))
        return found
