"""An upper bound on the curvature of a potential; it sets the integrator's step.

Explicit steps of length dt are stable where dt times the largest eigenvalue of the Hessian stays
below 2, and accurate where it is small. The bound is Gershgorin's over the box |x_i| <= reach_i,
|eigenvalue| <= max_i (|H_ii| + sum_j |H_ij|). For many couplings of both signs these row sums are
several times too large. The bilinear part J then enters by the fourth root of the largest row sum
of |J^4|, which also bounds the spectral norm. At 144 oscillators all-to-all this bound exceeds the
norm by a third; the row sums are six times the norm.
"""

from __future__ import annotations

import itertools

import numpy as np

from oscilab.physics.potential import Family, Potential
from oscilab.physics.terms import Monomial
from oscilab.types import Float64Array

PROBES = 5
"""Grid points along each end of a term that is not a polynomial."""


class Curvature:
    """Bounds the Hessian of `potential` at one setting, over any reach."""

    def __init__(self, potential: Potential, parameters: Float64Array) -> None:
        self._potential = potential
        self._parameters = parameters
        self._couplings = np.zeros((potential.oscillators, potential.oscillators))
        for family in potential.families.values():
            if family.is_bilinear:
                theta, (i, j) = parameters[family.where], family.ends.T
                np.add.at(self._couplings, (i, j), theta)
                np.add.at(self._couplings, (j, i), theta)
        self._row_sums = np.abs(self._couplings).sum(axis=1)
        self._norm = float(self._row_sums.max(initial=0.0))
        if np.count_nonzero(self._couplings) > 16 * potential.oscillators:
            square = self._couplings @ self._couplings
            fourth_power = np.abs(square @ square).sum(axis=1)
            self._norm = min(self._norm, float(fourth_power.max()) ** 0.25)

    def over(self, reach: Float64Array) -> float:
        """Return a bound on |eigenvalues of the Hessian| for |x_i| <= `reach` `[oscillator]`.

        It is rounded up to a 32nd of an octave, because its last bits depend on the number of BLAS
        threads and must not change the step.
        """
        high, low, beside = (np.zeros(self._potential.oscillators) for _ in range(3))
        for family in self._potential.families.values():
            if family.is_bilinear:
                continue
            theta = self._parameters[family.where]
            monomials = family.term.monomials
            if monomials is None:
                _add_probed(family, theta, reach, (high, low, beside))
            else:
                _add_polynomial(monomials, family, theta, reach, (high, low, beside))
        own = np.maximum(high, -low) + beside
        bound = min(float((own + self._row_sums).max()), float(own.max()) + self._norm)
        return float(2.0 ** (np.ceil(32 * np.log2(bound) + 1e-6) / 32)) if bound > 0 else 0.0


Sums = tuple[Float64Array, Float64Array, Float64Array]


def _add_polynomial(
    monomials: tuple[Monomial, ...],
    family: Family,
    theta: Float64Array,
    reach: Float64Array,
    sums: Sums,
) -> None:
    high, low, beside = sums
    for monomial in monomials:
        for a, b in itertools.product(range(len(monomial.powers)), repeat=2):
            powers = list(monomial.powers)
            scale = monomial.coefficient
            for end in (a, b):
                scale *= powers[end]
                powers[end] -= 1
            if scale == 0:
                continue
            extent = np.ones(len(theta))
            for end, power in enumerate(powers):
                extent = extent * reach[family.ends[:, end]] ** power
            value, at = scale * theta * extent, family.ends[:, a]
            if a != b:
                np.add.at(beside, at, np.abs(value))
            elif not any(powers):
                np.add.at(high, at, value)
                np.add.at(low, at, value)
            elif all(power % 2 == 0 for power in powers):
                np.add.at(high, at, np.maximum(value, 0))
                np.add.at(low, at, np.minimum(value, 0))
            else:
                np.add.at(high, at, np.abs(value))
                np.add.at(low, at, -np.abs(value))


def _add_probed(family: Family, theta: Float64Array, reach: Float64Array, sums: Sums) -> None:
    high, low, beside = sums
    ends = family.term.ends
    extents = [reach[family.ends[:, end]] for end in range(ends)]
    grid = np.linspace(-1, 1, PROBES)
    for a, b in itertools.product(range(ends), repeat=2):
        found: list[Float64Array] = []
        for point in itertools.product(grid, repeat=ends):
            x = [share * extent for share, extent in zip(point, extents, strict=True)]
            width = 1e-3 * extents[b]
            above = [value + (width if end == b else 0) for end, value in enumerate(x)]
            below = [value - (width if end == b else 0) for end, value in enumerate(x)]
            slope = family.term.slope(a, *above) - family.term.slope(a, *below)
            found.append(theta * slope / (2 * width))
        at = family.ends[:, a]
        if a != b:
            np.add.at(beside, at, np.abs(found).max(axis=0))
        else:
            np.add.at(high, at, np.max(found, axis=0))
            np.add.at(low, at, np.min(found, axis=0))
