"""Stationary states of the simulated array: harmonic networks, a double well, temperatures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from oscilab.physics import Potential, all_to_all, lattice
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.streams import RandomStreams


@pytest.fixture(params=["numba", "numpy"])
def engine_name(request):
    return request.param


def settled(name, potential, theta, copies, step, steps, temperature=1.0, seed=0):
    """Return positions `[copy, oscillator]` after free motion from rest, in float64."""
    engine = choose_engine(name, potential, threads=1)
    moving = engine.release(np.zeros((copies, potential.oscillators)), RandomStreams(seed).next())
    moving.hold(theta, step, steps, temperature)
    return moving.positions().astype(np.float64)


def departure(x, expected):
    """Return the largest error of the covariance of normal `x` `[copy, i]`, in standard errors."""
    found = x.T @ x / len(x)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) + expected**2)
    return (np.abs(found - expected) / scale).max() * np.sqrt(len(x))


@pytest.mark.parametrize("topology", [lattice(3, 3, 1.5), all_to_all(3, 3)], ids=lambda t: t.name)
def test_covariance_of_a_harmonic_network(engine_name, topology):
    """T K^-1 (1 - K dt/2)^-1, the scheme's own stationary covariance, to 5.5 standard errors.

    False-alarm rate 2e-6 over the 45 entries. The steps are long enough that K^-1 itself is
    off by three times as much: the bias is measured, not allowed for.
    """
    potential = Potential(topology, ["stiffness", "coupling"])
    generator = np.random.default_rng(1)
    theta = potential.vector(
        stiffness=generator.uniform(3, 6, 9),
        coupling=generator.uniform(-0.5, 0.5, len(topology.edges)),
    )
    matrix = potential.stiffness_matrix(theta)
    step, temperature, copies = 0.1, 1.7, 20000
    slowest = np.linalg.eigvalsh(matrix)[0]
    steps = int(8 / slowest / step)
    x = settled(engine_name, potential, theta, copies, step, steps, temperature)
    continuum = temperature * np.linalg.inv(matrix)
    expected = continuum @ np.linalg.inv(np.eye(9) - matrix * step / 2)
    assert departure(x, expected) < 5.5
    assert departure(x, continuum) > 3 * 5.5


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_marginal_of_a_double_well_is_boltzmanns(engine_name, temperature):
    """exp(-U/T) of U = -3 x^2/2 + 3 x^4/4 in 24 bins of equal weight: chi-square at 1e-6.

    Steps of 0.002 shift a bin by less than a tenth of its sampling error.
    """
    potential = Potential(lattice(1, 2, 0), ["stiffness", "quartic"])
    theta = potential.vector(stiffness=-3.0, quartic=3.0)
    x = settled(engine_name, potential, theta, 6000, 0.002, 2500, temperature, seed=3).ravel()
    grid = np.linspace(-4, 4, 20001)
    density = np.exp(-(-1.5 * grid**2 + 0.75 * grid**4) / temperature)
    share = integrate.cumulative_trapezoid(density, grid, initial=0)
    share /= share[-1]
    counts = np.histogram(np.interp(x, grid, share), bins=24, range=(0, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-6


@pytest.mark.parametrize("family", ["square_square", "square_linear", "quartic_spring"])
def test_nonlinear_pairs_settle_at_boltzmanns_moments(family):
    """E[x^2], E[y^2] and E[x y] of two coupled quartics by quadrature, to 5 standard errors.

    False-alarm rate 2e-6 over the three moments; the scheme's bias is below half of one.
    """
    potential = Potential(all_to_all(2), ["bias", "stiffness", "quartic", "coupling", family])
    theta = potential.vector(bias=[0.3, 0.0], stiffness=0.5, quartic=2.0, coupling=-0.5)
    theta[potential.family(family).where] = 0.4
    x = settled("numba", potential, theta, 60000, 0.002, 3000, seed=4)
    grid = np.linspace(-4, 4, 401)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.exp(-potential.energy(theta, points))
    weight /= weight.sum()
    for function in (lambda p: p[:, 0] ** 2, lambda p: p[:, 1] ** 2, lambda p: p[:, 0] * p[:, 1]):
        values = function(points)
        mean = (weight * values).sum()
        error = np.sqrt((weight * (values - mean) ** 2).sum() / len(x))
        assert abs(function(x).mean() - mean) < 5 * error
