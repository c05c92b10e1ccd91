"""The unit map between the dimensionless core and the laboratory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.physics.potential import Family, Potential
from oscilab.wired.wiring import CLAMP, FORCE, POSITION, family_of

BOLTZMANN = 1.380649e-23


@dataclass(frozen=True)
class Units:
    """l = sqrt(kT / k0) and tau = 1 / (mu k0): what 1 means in the core.

    `kT` is the bath's in joules, `stiffness` k0 the reference spring in N/m (a choice), `mobility`
    mu in m/(N s).
    """

    kT: float
    stiffness: float
    mobility: float

    @property
    def length(self) -> float:
        """A thermal amplitude of the reference spring, in metres."""
        return float(np.sqrt(self.kT / self.stiffness))

    @property
    def time(self) -> float:
        """A relaxation time of the reference spring, in seconds."""
        return 1 / (self.mobility * self.stiffness)

    @property
    def force(self) -> float:
        """kT per thermal amplitude, in newtons."""
        return self.kT / self.length

    def coefficient(self, degree: int) -> float:
        """One unit of a coefficient of that degree, kT / l^degree, in J/m^degree."""
        return self.kT / self.length**degree

    def of_target(self, target: str, potential: Potential) -> float:
        """What one unit of the quantity on a wired line is in SI; 1 for a switch."""
        family = family_of(target)
        if family in (CLAMP, POSITION):
            return self.length
        if family == FORCE:
            return self.force
        if family in potential.families:
            return self.coefficient(degree_of(potential.families[family]))
        return 1.0


def degree_of(family: Family) -> int:
    """The degree of a term's energy in positions.

    Raises:
        InvalidInput: the term is no monomial-like polynomial, so its unit is not known.
    """
    if family.term.degree is not None:
        return family.term.degree
    raise InvalidInput(
        f"term {family.name} has no single degree, so that its drive line has no unit; wire "
        "terms that are homogeneous polynomials"
    )
