"""A potential that is linear in its parameters, U(x) = sum_p theta_p u_p(x)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics.family import Family, add_at_ends, at_ends, take
from oscilab.physics.terms import Term, find_term, quadratic_parts
from oscilab.physics.topology import Topology, checked_ends
from oscilab.types import Float64Array, FloatArray, IntArray


class Potential:
    """The terms of an array over its topology, and the layout of their parameters.

    Parameters are one vector `[parameter]`: family after family in the order of `terms`,
    instance after instance within a family. Energies are in kT, positions in the thermal
    amplitude of a unit spring, forces in kT per unit of position.

    Raises:
        InvalidInput: a term is unknown or repeated, or its ends are not on the topology.
    """

    def __init__(self, topology: Topology, terms: Iterable[str | Term]) -> None:
        self.topology = topology
        self.oscillators = topology.oscillators
        families: list[Family] = []
        start = 0
        for given in terms:
            term = find_term(given) if isinstance(given, str) else given
            if any(family.name == term.name for family in families):
                raise InvalidInput(f"term {term.name} is named twice; name it once")
            name = f"ends of term {term.name}"
            ends = checked_ends(term.place(topology), term.ends, topology.oscillators, name)
            families.append(Family(term, ends, slice(start, start + len(ends))))
            start += len(ends)
        self.families: Mapping[str, Family] = {family.name: family for family in families}
        self.parameters = start

    def __repr__(self) -> str:
        return f"Potential({self.topology.name}: {', '.join(self.families)})"

    @cached_property
    def names(self) -> list[str]:
        """The name of each parameter, such as `coupling[3,7]`."""
        return [
            f"{family.name}[{','.join(map(str, ends))}]"
            for family in self.families.values()
            for ends in family.ends.tolist()
        ]

    def ends_of(self, parameter: int) -> tuple[int, ...]:
        """Return the oscillators that parameter number `parameter` touches."""
        for family in self.families.values():
            if family.where.start <= parameter < family.where.stop:
                return tuple(family.ends[parameter - family.where.start].tolist())
        raise InvalidInput(f"parameter {parameter} is outside 0 to {self.parameters - 1}")

    def vector(self, **families: ArrayLike) -> Float64Array:
        """Return a parameter vector: zero except for the given families.

        Each family takes one number, or one per instance.

        Raises:
            InvalidInput: the potential has no such term, or the number of values does not fit.
        """
        parameters = np.zeros(self.parameters)
        for name, values in families.items():
            family, given = self.family(name), np.asarray(values, np.float64)
            if given.shape not in ((), (len(family.ends),)):
                raise InvalidInput(
                    f"values of shape {given.shape} are given for term {name}; give one number, or "
                    f"{len(family.ends)}"
                )
            parameters[family.where] = given
        return parameters

    def family(self, name: str) -> Family:
        """Return the family of that name.

        Raises:
            InvalidInput: the potential has no such term.
        """
        if name not in self.families:
            raise InvalidInput(
                f"the potential has no term {name}; it has {', '.join(self.families)}"
            )
        return self.families[name]

    def check(self, parameters: ArrayLike) -> Float64Array:
        """Return `parameters` as a float64 vector.

        Raises:
            OutOfBox: the length is wrong, or an entry is not finite.
        """
        vector = np.asarray(parameters, np.float64)
        if vector.shape != (self.parameters,):
            raise OutOfBox(
                f"a parameter vector has shape {vector.shape}, the potential needs "
                f"({self.parameters},)"
            )
        bad = ~np.isfinite(vector)
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            raise OutOfBox(
                f"parameter {self.names[first]} is {vector[first]}; every parameter must be finite"
            )
        return vector

    def energy(self, parameters: FloatArray, positions: FloatArray) -> FloatArray:
        """Return U(x) in kT for each row of `positions` `[batch, oscillator]`, as `[batch]`."""
        total = np.zeros(len(positions))
        for family, theta in self._pairs(parameters):
            if family.is_bilinear:
                total += 0.5 * np.einsum(
                    "bi,bi->b", positions, positions @ self._matrix(family, theta)
                )
            else:
                total += family.term.energy(*at_ends(positions, family)) @ theta
        return total

    def forces(self, parameters: FloatArray, positions: FloatArray) -> FloatArray:
        """Return F = -grad U at each row of `positions`, both `[batch, oscillator]`."""
        total = np.zeros_like(positions)
        for family, theta in self._pairs(parameters):
            if family.is_bilinear:
                total -= positions @ self._matrix(family, theta)
            else:
                for columns, slope in _slopes(family, positions):
                    add_at_ends(total, columns, -theta * slope)
        return total

    def correlate(self, residuals: FloatArray, positions: FloatArray) -> FloatArray:
        """Return the sum over batch and ends of r_i d_i u_p, `[parameter]`.

        Each entry reads `residuals` and `positions` `[batch, oscillator]` at its own ends only.
        """
        return self.correlate_and_power(residuals, positions)[0]

    def features(self, positions: FloatArray) -> FloatArray:
        """Return the sum over batch of u_p(x), `[parameter]`.

        Each entry reads `positions` `[batch, oscillator]` at its own ends only.
        """
        found = np.zeros(self.parameters)
        for family in self.families.values():
            if family.is_bilinear:
                i, j = family.ends.T
                found[family.where] = (positions.T @ positions)[i, j]
            else:
                found[family.where] = family.term.energy(*at_ends(positions, family)).sum(axis=0)
        return found

    def feature_power(self, weight: float, positions: FloatArray) -> FloatArray:
        """Return the curvature, weight * sum over batch and ends of (d_i u_p)^2, `[parameter]`."""
        powers = np.zeros(self.parameters, positions.dtype)
        squares = np.einsum("bi,bi->i", positions, positions)
        for family in self.families.values():
            if family.is_bilinear:
                powers[family.where] = squares[family.ends].sum(axis=1)
            else:
                for _, slope in _slopes(family, positions):
                    powers[family.where] += np.einsum("bi,bi->i", slope, slope)
        return weight * powers

    def correlate_and_power(
        self, residuals: FloatArray, positions: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the sums over batch and ends of r_i d_i u_p and of (d_i u_p)^2, `[parameter]`.

        Each slope d_i u_p is computed once for both. Each entry reads `residuals` and `positions`
        `[batch, oscillator]` at its own ends only.
        """
        products = np.zeros(self.parameters, positions.dtype)
        powers = np.zeros(self.parameters, positions.dtype)
        squares = np.einsum("bi,bi->i", positions, positions)
        for family in self.families.values():
            if family.is_bilinear:
                i, j = family.ends.T
                product = residuals.T @ positions
                products[family.where] = product[i, j] + product[j, i]
                powers[family.where] = squares[i] + squares[j]
            else:
                for columns, slope in _slopes(family, positions):
                    at_end = take(residuals, columns)
                    products[family.where] += np.einsum("bi,bi->i", at_end, slope)
                    powers[family.where] += np.einsum("bi,bi->i", slope, slope)
        return products, powers

    def stiffness_matrix(self, parameters: FloatArray) -> FloatArray:
        """Return the quadratic part of U as a symmetric matrix, `[oscillator, oscillator]`."""
        count = self.oscillators
        which, coefficients, places = self._quadratic
        added = coefficients * parameters[which]
        flat: FloatArray = np.bincount(places, added, minlength=count * count).astype(np.float64)
        return flat.reshape(count, count)

    @cached_property
    def _quadratic(self) -> tuple[IntArray, FloatArray, IntArray]:
        """Parameter, coefficient and flat index of every contribution to the stiffness matrix."""
        which: list[IntArray] = [np.zeros(0, np.int64)]
        coefficients: list[FloatArray] = [np.zeros(0)]
        places: list[IntArray] = [np.zeros(0, np.int64)]
        for family in self.families.values():
            instances = np.arange(family.where.start, family.where.stop, dtype=np.int64)
            for coefficient, first, last in quadratic_parts(family.term):
                i, j = family.ends[:, first], family.ends[:, last]
                # For c x_i^2 both are the diagonal, which then holds the curvature 2c.
                which += [instances, instances]
                coefficients += [np.full(2 * len(instances), coefficient)]
                places += [i * self.oscillators + j, j * self.oscillators + i]
        return np.concatenate(which), np.concatenate(coefficients), np.concatenate(places)

    def _pairs(self, parameters: FloatArray) -> list[tuple[Family, FloatArray]]:
        return [(family, parameters[family.where]) for family in self.families.values()]

    def _matrix(self, family: Family, theta: FloatArray) -> FloatArray:
        matrix = np.zeros((self.oscillators, self.oscillators), theta.dtype)
        i, j = family.ends.T
        # Gate biases may name a pair in either order, so add both.
        np.add.at(matrix, (i, j), theta)
        np.add.at(matrix, (j, i), theta)
        return matrix


def _slopes(family: Family, positions: FloatArray) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield the oscillators `[instance]` and the slopes d_i u_p `[batch, instance]` of each end."""
    ends = at_ends(positions, family)
    for end in range(family.term.ends):
        yield family.ends[:, end], family.term.slope(end, *ends)
