"""Ranges of the drive parameters, and the projection of parameters into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics.potential import Potential
from oscilab.physics.terms import is_known_term
from oscilab.types import Float64Array


@dataclass(frozen=True, eq=False)
class ParameterBox:
    """Lower and upper bounds of all parameters, `[parameter]` each."""

    potential: Potential
    lower: Float64Array
    upper: Float64Array

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            bound = np.asarray(getattr(self, name), np.float64)
            if bound.shape != (self.potential.parameters,):
                raise InvalidInput(
                    f"the {name} bounds of the parameter box have shape {bound.shape}; the "
                    f"potential needs ({self.potential.parameters},)"
                )
            bad = ~np.isfinite(bound)
            if bad.any():
                first = int(np.flatnonzero(bad)[0])
                raise InvalidInput(
                    f"the {name} bound of parameter {self.potential.names[first]} is "
                    f"{bound[first]}; give a finite number"
                )
            object.__setattr__(self, name, bound)
        empty = self.lower > self.upper
        if empty.any():
            first = int(np.flatnonzero(empty)[0])
            raise InvalidInput(
                f"parameter {self.potential.names[first]} has lower bound {self.lower[first]:g} "
                f"above its upper bound {self.upper[first]:g}; swap them"
            )

    @classmethod
    def of_ranges(
        cls, potential: Potential, ranges: Mapping[str, tuple[float, float]] | None = None
    ) -> ParameterBox:
        """Return a box with one range per family, from `ranges` or the term's default.

        `ranges` may name terms that this potential does not have: it describes a device, and an
        experiment may use only some of the device's terms.

        Raises:
            InvalidInput: a range is given for a term that does not exist.
        """
        given = dict(ranges or {})
        for name in given:
            if name not in potential.families and not is_known_term(name):
                potential.family(name)
        families = potential.families.values()
        bounds = [given.get(family.name, family.term.default_range) for family in families]
        counts = [len(family.ends) for family in families]
        lower, upper = np.array(bounds, np.float64).reshape(-1, 2).T
        return cls(potential, np.repeat(lower, counts), np.repeat(upper, counts))

    def check(self, parameters: ArrayLike) -> Float64Array:
        """Return `parameters` as a vector.

        Raises:
            OutOfBox: a parameter is not finite or outside its range.
        """
        vector = self.potential.check(parameters)
        outside = (vector < self.lower) | (vector > self.upper)
        if outside.any():
            first = int(np.flatnonzero(outside)[0])
            raise OutOfBox(
                f"parameter {self.potential.names[first]} is {vector[first]:g}, outside its range "
                f"{self.lower[first]:g} to {self.upper[first]:g}; widen the box or change the value"
            )
        return vector

    def project(self, parameters: Float64Array) -> Float64Array:
        """Return the nearest vector in the box. For learning only; set-points are never clipped."""
        return np.clip(parameters, self.lower, self.upper)
