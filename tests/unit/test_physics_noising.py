"""The noising and its reversal against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscilab.errors import InvalidInput
from oscilab.physics import Noising

TIMES = [0.01, 0.3, 2.0]
KINDS = [Noising(), Noising(speed=0.5), Noising(temperature=2.5), Noising(3.0, 0.25), Noising(2, 0)]
fixed = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def test_values_that_are_known():
    noising = Noising()
    assert noising.decay(0) == 1
    assert noising.decay(np.log(2)) == pytest.approx(0.5)
    assert noising.variance(np.log(2)) == pytest.approx(0.75)
    assert noising.sigma(np.log(2)) == pytest.approx(0.75**0.5)
    assert noising.variance(0) == 0
    # To full precision at small times, where 1 - exp(-2t) would lose it.
    assert noising.variance(1e-12) == pytest.approx(2e-12, rel=1e-11, abs=0)
    noised = noising.noised(np.array([[4.0, -2.0]]), np.array([[0.0, 1.0]]), np.log(2))
    np.testing.assert_allclose(noised, [[2.0, -1.0 + 0.75**0.5]])


def test_units_are_the_bath_and_the_noising_of_their_own():
    assert Noising() == Noising(speed=1.0, temperature=1.0)


def test_force_along_a_path_that_is_known():
    """From 4 to 1 while data halve: 1 + 2 (4 / 2 - 1) / (3 / 4) = 11/3; at c = 2, D = 1/2: 16/3."""
    start, end = np.array([[4.0]]), np.array([[1.0]])
    assert Noising().path_force(start, end, np.log(2)) == pytest.approx(11 / 3)
    assert Noising(2.0, 0.5).path_force(start, end, np.log(2)) == pytest.approx(16 / 3)


@fixed
@given(st.floats(1e-6, 5), st.floats(1e-6, 5))
def test_noising_twice_is_noising_for_longer(s, t):
    noising = Noising()
    assert noising.decay(s + t) == pytest.approx(noising.decay(s) * noising.decay(t))
    assert noising.variance(s + t) == pytest.approx(
        noising.variance(s) * noising.decay(t) ** 2 + noising.variance(t)
    )


@fixed
@given(st.floats(1e-3, 5), st.floats(-3, 3), st.floats(0, 2))
def test_moments_of_noised_data(t, mean, spread):
    """By Gauss-Hermite quadrature over data and noise, exact for second moments."""
    noising = Noising()
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    weights = np.outer(weights, weights).ravel() / (2 * np.pi)
    data, noise = (grid.ravel() for grid in np.meshgrid(mean + spread * nodes, nodes))
    x = noising.noised(data, noise, t)
    assert weights @ x == pytest.approx(noising.decay(t) * mean, abs=1e-12)
    expected = noising.decay(t) ** 2 * spread**2 + 1 - np.exp(-2 * t)
    assert weights @ (x - weights @ x) ** 2 == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("noising", KINDS)
@pytest.mark.parametrize("t", TIMES)
def test_the_denoising_target_averages_to_the_score_force(noising, t):
    """For Gaussian data: the difference is uncorrelated with 1, x and x^2 of the noised point.

    Gauss-Hermite quadrature with 4 nodes each way is exact for these polynomials.
    """
    mean, spread = 0.7, 1.3
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    weights = np.outer(weights, weights).ravel() / (2 * np.pi)
    data, noise = (grid.ravel() for grid in np.meshgrid(mean + spread * nodes, nodes))
    x = noising.noised(data, noise, t)
    variance = np.exp(-2 * t) * spread**2 + noising.variance(t)
    score = -(x - np.exp(-t) * mean) / variance
    difference = noising.reverse_force(x, noise, t) - noising.score_force(x, score)
    assert np.abs(difference).max() > 0.1
    for power in range(3):
        assert weights @ (difference * x**power) == pytest.approx(0, abs=1e-10)


def two_points(x, t):
    """Score and mean datum at x for data that are -1 (weight 0.3) or 2, noised for t."""
    data, shares = np.array([-1.0, 2.0]), np.array([0.3, 0.7])
    sigma2, centres = 1 - np.exp(-2 * t), np.exp(-t) * data
    density = shares * np.exp(-((x[..., np.newaxis] - centres) ** 2) / (2 * sigma2))
    posterior = density / density.sum(axis=-1, keepdims=True)
    score = (posterior * (centres - x[..., np.newaxis])).sum(axis=-1) / sigma2
    return score, posterior @ data


@pytest.mark.parametrize("noising", KINDS)
@pytest.mark.parametrize("t", TIMES)
def test_data_that_are_no_gaussian(noising, t):
    """The force from the mean noise is the score force, and denoising gives the mean datum."""
    x = np.exp(-t) * np.linspace(-1.5, 2.5, 12).reshape(4, 3)
    score, datum = two_points(x, t)
    mean_noise = (x - noising.decay(t) * datum) / noising.sigma(t)
    force = noising.score_force(x, score)
    np.testing.assert_allclose(noising.reverse_force(x, mean_noise, t), force, atol=1e-9)
    np.testing.assert_allclose(noising.denoised(x, force, t), datum, atol=1e-10)


@pytest.mark.parametrize("noising", KINDS)
@pytest.mark.parametrize("t", TIMES)
def test_denoising_a_gaussian_is_exact(noising, t):
    """Tweedie: the posterior mean of the datum, from one force reading."""
    mean, spread = -0.4, 0.6
    x = np.linspace(-3, 3, 10).reshape(5, 2)
    variance = np.exp(-2 * t) * spread**2 + 1 - np.exp(-2 * t)
    force = noising.score_force(x, -(x - np.exp(-t) * mean) / variance)
    expected = mean + np.exp(-t) * spread**2 / variance * (x - np.exp(-t) * mean)
    np.testing.assert_allclose(noising.denoised(x, force, t), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("noising", KINDS)
@pytest.mark.parametrize("t", TIMES)
def test_denoising_with_the_noise_itself_gives_the_datum_back(noising, t):
    generator = np.random.default_rng(1)
    data, noise = generator.normal(size=(2, 5, 3))
    x = noising.noised(data, noise, t)
    found = noising.denoised(x, noising.reverse_force(x, noise, t), t)
    np.testing.assert_allclose(found, data, atol=1e-9)


@pytest.mark.parametrize("noising", KINDS)
@pytest.mark.parametrize("t", TIMES)
def test_the_score_force_runs_the_variance_backwards_at_its_speed(noising, t):
    """With drift slope x and bath D, dv/dtau = 2 slope v + 2 D, which must be -c dv/dt."""
    v0, h = 0.3, 1e-5

    def variance(time):
        return np.exp(-2 * time) * v0 + 1 - np.exp(-2 * time)

    v = variance(t)
    slope = noising.score_force(np.ones(1), np.array([-1 / v]))[0]
    wanted = -noising.speed * (variance(t + h) - variance(t - h)) / (2 * h)
    assert 2 * slope * v + 2 * noising.temperature == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Noising(speed=0), "speed is 0, but must be finite and above zero"),
        (lambda: Noising(speed=-1.5), "speed is -1.5, but must be finite and above zero"),
        (lambda: Noising(speed=np.nan), "speed is nan, but must be finite"),
        (lambda: Noising(speed=np.inf), "speed is inf, but must be finite"),
        (lambda: Noising(temperature=-0.1), "temperature is -0.1, but must be finite and zero or"),
        (lambda: Noising(temperature=np.nan), "temperature is nan, but must be finite"),
        (lambda: Noising(temperature=np.inf), "temperature is inf, but must be finite"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert words in str(caught.value)
