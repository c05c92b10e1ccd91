"""Energies, forces and features of potentials, against an evaluation piece by piece."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from physics_cases import (
    CASES,
    MIXED,
    Cosine,
    gated,
    instance_energy,
    instance_slope,
    pieces,
    random_setting,
)

from oscilab.physics import (
    BUILT_IN,
    Monomial,
    PolynomialTerm,
    Potential,
    all_to_all,
    from_edges,
    lattice,
)


@pytest.mark.parametrize("case", CASES)
def test_the_energy_is_the_sum_of_its_pieces(case):
    potential = CASES[case]
    theta, x = random_setting(potential, 1)
    expected = [
        sum(theta[p] * instance_energy(term, row, ends) for p, term, ends in pieces(potential))
        for row in x
    ]
    np.testing.assert_allclose(potential.energy(theta, x), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_forces_are_minus_the_slope_of_the_energy(case):
    """They agree with central differences of sixth order in float64."""
    potential = CASES[case]
    theta, x = random_setting(potential, 2, batch=3)
    h, weights = 1e-3, {-3: -1 / 60, -2: 3 / 20, -1: -3 / 4, 1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    slopes = np.empty_like(x)
    for i, unit in enumerate(np.eye(potential.oscillators)):
        moved = (w * potential.energy(theta, x + k * h * unit) for k, w in weights.items())
        slopes[:, i] = sum(moved) / h
    forces = potential.forces(theta, x)
    scale = np.abs(slopes).max()
    assert scale > 0.1
    np.testing.assert_allclose(forces, -slopes, atol=1e-9 * scale)


@pytest.mark.parametrize("case", CASES)
def test_correlating_residuals_sums_over_batch_and_ends(case):
    potential = CASES[case]
    _, x = random_setting(potential, 3, batch=4)
    residuals = np.random.default_rng(4).normal(size=x.shape)
    expected = [
        sum(
            row_r[i] * instance_slope(term, row_x, ends, i)
            for row_r, row_x in zip(residuals, x, strict=True)
            for i in ends
        )
        for _, term, ends in pieces(potential)
    ]
    np.testing.assert_allclose(potential.correlate(residuals, x), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_feature_power_is_the_curvature_of_the_loss_along_each_parameter(case):
    potential = CASES[case]
    _, x = random_setting(potential, 5, batch=4)
    expected = [
        0.3 * sum(instance_slope(term, row, ends, i) ** 2 for row in x for i in ends)
        for _, term, ends in pieces(potential)
    ]
    np.testing.assert_allclose(potential.feature_power(0.3, x), expected, rtol=1e-8)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(sorted(MIXED)), st.integers(0, 1000), st.floats(-5, 5), st.floats(-5, 5)
)  # fmt: skip
def test_everything_is_linear_in_the_parameters(case, seed, a, b):
    potential = MIXED[case]
    first, x = random_setting(potential, seed, batch=2)
    second, _ = random_setting(potential, seed + 1, batch=2)

    def stiffness(theta, _):
        return potential.stiffness_matrix(theta)

    for quantity in (potential.energy, potential.forces, stiffness):
        mixed = quantity(a * first + b * second, x)
        np.testing.assert_allclose(
            mixed, a * quantity(first, x) + b * quantity(second, x), atol=1e-9
        )


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_the_force_matching_loss(case):
    """d/dtheta of |F - F*|^2 / 2 is -sum_i r_i d_i u_p, the basis of learning."""
    potential = CASES[case]
    theta, x = random_setting(potential, 6)
    target = np.random.default_rng(7).normal(size=x.shape)

    def loss(parameters):
        return 0.5 * ((potential.forces(parameters, x) - target) ** 2).sum()

    found = -potential.correlate(potential.forces(theta, x) - target, x)
    # The loss is a quadratic: central differences are exact to rounding at any step.
    steps = np.eye(potential.parameters)
    expected = [(loss(theta + step) - loss(theta - step)) / 2 for step in steps]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("case", CASES)
def test_the_stiffness_matrix_is_the_curvature_at_rest(case):
    potential = CASES[case]
    theta, _ = random_setting(potential, 8)
    # A term that is no polynomial has a curvature of its own, which is not counted.
    if "cosine" in potential.families:
        theta[potential.family("cosine").where] = 0
    h, n = 1e-4, potential.oscillators
    rest = np.concatenate([h * np.eye(n), -h * np.eye(n)])
    slopes = -potential.forces(theta, rest)
    expected = (slopes[:n] - slopes[n:]) / (2 * h)
    np.testing.assert_allclose(potential.stiffness_matrix(theta), expected, atol=1e-5)


def test_a_spring_of_ones_own_is_part_of_the_stiffness_matrix():
    monomials = (Monomial(0.5, (2, 0)), Monomial(-1.0, (1, 1)), Monomial(0.5, (0, 2)))
    spring = PolynomialTerm("spring", monomials, lambda topology: topology.edges)
    potential = Potential(from_edges([[0, 1], [1, 2]], 3), [spring])
    expected = [[2, -2, 0], [-2, 5, -3], [0, -3, 3]]
    np.testing.assert_array_equal(potential.stiffness_matrix(np.array([2.0, 3.0])), expected)


def test_single_precision_stays_single_and_close():
    potential = MIXED["every term"]
    theta, x = random_setting(potential, 9)
    small = x.astype(np.float32)
    forces = potential.forces(theta, small)
    assert forces.dtype == np.float32
    np.testing.assert_allclose(forces, potential.forces(theta, x), rtol=1e-3, atol=1e-3)
    found = potential.correlate(small, small)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, potential.correlate(x, x), rtol=1e-3, atol=1e-3)


def test_nothing_given_is_written_to():
    potential = MIXED["every term"]
    theta, x = random_setting(potential, 10)
    kept = theta.copy(), x.copy()
    potential.energy(theta, x), potential.forces(theta, x), potential.correlate(x, x)
    potential.feature_power(2.0, x), potential.stiffness_matrix(theta)
    np.testing.assert_array_equal(theta, kept[0])
    np.testing.assert_array_equal(x, kept[1])


@pytest.mark.parametrize("case", MIXED)
def test_an_empty_batch(case):
    potential = MIXED[case]
    theta, x = random_setting(potential, 0, batch=0)
    assert potential.energy(theta, x).shape == (0,)
    assert potential.forces(theta, x).shape == x.shape
    assert not potential.correlate(x, x).any()
    assert not potential.feature_power(1.0, x).any()


def test_a_term_of_ones_own_that_is_no_polynomial():
    """A known torque: two rotors on a pendulum coupling."""
    potential = Potential(from_edges([[0, 2]], 3), ["stiffness", Cosine()])
    theta = potential.vector(cosine=2.0)
    x = np.array([[0.5, 9.0, -0.25]])
    np.testing.assert_allclose(potential.energy(theta, x), [2 * np.cos(0.75)])
    pull = 2 * np.sin(0.75)
    np.testing.assert_allclose(potential.forces(theta, x), [[pull, 0, -pull]])
    assert potential.names[-1] == "cosine[0,2]"


def test_only_plain_products_are_bilinear():
    names = {name for name in BUILT_IN if Potential(gated(), [name]).family(name).is_bilinear}
    assert names == {"coupling", "gate_bias"}
    product, square = Monomial(1.0, (1, 1)), Monomial(1.0, (2, 0))
    for monomials in [(Monomial(2.0, (1, 1)),), (square,), (product, square)]:
        other = PolynomialTerm("other", monomials, lambda topology: topology.edges)
        assert not Potential(all_to_all(2), [other]).family("other").is_bilinear


def test_a_gate_that_is_gated_in_turn():
    """Gate biases then name a pair in both orders, and both count."""
    gates = np.array([[0, 1, 2], [1, 0, 2]])
    potential = Potential(replace(lattice(1, 3, 0), gates=gates), ["gate_bias"])
    assert potential.names == ["gate_bias[0,1]", "gate_bias[0,2]", "gate_bias[1,0]",
                               "gate_bias[1,2]"]  # fmt: skip
    theta, x = np.array([1.0, 0, 2.0, 0]), np.array([[0.5, 0.25, 7.0]])
    np.testing.assert_allclose(potential.energy(theta, x), [3 * 0.5 * 0.25])
    np.testing.assert_allclose(potential.forces(theta, x), [[-0.75, -1.5, 0]])
