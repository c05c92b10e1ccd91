"""Locality: readings off a parameter's own ends do not change its update."""

from __future__ import annotations

import numpy as np
import pytest
from physics_cases import FAMILIES, MIXED, random_setting

from oscilab.physics import Potential, all_to_all, lattice

CASES = {
    **FAMILIES,
    **MIXED,
    # Large enough for blocked and threaded matrix products.
    "64 all-to-all": Potential(all_to_all(8, 8), ["bias", "stiffness", "quartic", "coupling"]),
    "144 in a lattice": Potential(lattice(12, 12, 2.3), ["cubic", "coupling", "square_linear"]),
}
BATCH = 70


def chosen(potential):
    """Return a few parameters of every family: the first, the last, and some in between."""
    generator = np.random.default_rng(0)
    for family in potential.families.values():
        numbers = np.arange(family.where.start, family.where.stop)
        some = generator.choice(numbers, size=min(6, len(numbers)), replace=False)
        yield from {int(numbers[0]), int(numbers[-1]), *some.tolist()}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_readings_off_a_parameters_ends_change_no_bit_of_its_update(case, dtype, order):
    potential = CASES[case]
    _, x = random_setting(potential, 1, BATCH)
    _, residuals = random_setting(potential, 2, BATCH)
    x = np.array(x, dtype, order=order)
    residuals = np.array(residuals, dtype, order=order)
    gradient = potential.correlate(residuals, x)
    curvature = potential.feature_power(0.7, x)
    assert np.isfinite(gradient).all()
    for parameter in chosen(potential):
        off = np.ones(potential.oscillators, bool)
        off[list(potential.ends_of(parameter))] = False
        spoilt_x, spoilt_residuals = x.copy(order="K"), residuals.copy(order="K")
        spoilt_x[:, off] = spoilt_residuals[:, off] = np.nan
        with np.errstate(invalid="ignore"):
            again = potential.correlate(spoilt_residuals, spoilt_x)[parameter]
            power = potential.feature_power(0.7, spoilt_x)[parameter]
        assert again.tobytes() == gradient[parameter].tobytes()
        assert power.tobytes() == curvature[parameter].tobytes()


@pytest.mark.parametrize("case", [*FAMILIES, *MIXED])
def test_a_reading_at_any_end_does_reach_the_update(case):
    """This shows that the test above can fail: position and residual at each end matter."""
    potential = CASES[case]
    _, x = random_setting(potential, 1, BATCH)
    _, residuals = random_setting(potential, 2, BATCH)
    for parameter in chosen(potential):
        for end in potential.ends_of(parameter):
            spoilt = residuals.copy()
            spoilt[3, end] = np.nan
            assert np.isnan(potential.correlate(spoilt, x)[parameter])


@pytest.mark.parametrize("case", [*FAMILIES, *MIXED])
def test_forces_are_local_too(case):
    """The force on an oscillator depends only on those with which it shares a term."""
    potential = CASES[case]
    theta, x = random_setting(potential, 3)
    neighbours = np.eye(potential.oscillators, dtype=bool)
    for parameter in range(potential.parameters):
        ends = list(potential.ends_of(parameter))
        neighbours[np.ix_(ends, ends)] = True
    moved = np.random.default_rng(4).normal(size=x.shape)
    before = potential.forces(theta, x)
    for i in range(potential.oscillators):
        beside = np.where(neighbours[i], x, moved)
        np.testing.assert_allclose(potential.forces(theta, beside)[:, i], before[:, i], rtol=1e-12)
