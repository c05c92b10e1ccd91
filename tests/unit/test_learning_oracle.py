"""The bounded optimum, against an independent solver and a Gaussian's closed form."""

import numpy as np
import pytest
from scipy import optimize

from oscilab.learning.measurement import PointSource
from oscilab.learning.oracle import QuadraticLoss, quadratic_loss
from oscilab.physics import Noising, ParameterBox, Potential, all_to_all, lattice


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("width", [0.05, 0.5, 5.0])
def test_minimiser_agrees_with_scipy(seed, width):
    rng = np.random.default_rng(seed)
    potential = Potential(lattice(2, 3, 1.5), ["bias", "stiffness", "quartic", "coupling"])
    size = potential.parameters
    factor = rng.standard_normal((size + 5, size)) * rng.lognormal(0, 2, size)
    target = rng.standard_normal(size + 5)
    loss = QuadraticLoss(factor.T @ factor, factor.T @ target, 0.5 * float(target @ target))
    lower = -width * rng.random(size)
    upper = width * rng.random(size)
    box = ParameterBox(potential, lower, upper)
    reference = optimize.lsq_linear(factor, target, (lower, upper), method="bvls", tol=1e-14)
    found = loss.minimiser(box)
    assert (found >= lower).all()
    assert (found <= upper).all()
    assert loss.value(found) <= reference.cost * (1 + 1e-6)


def test_optimum_of_a_gaussian_is_its_closed_form():
    """Data N(0, C): F* = x - 2 C_t^-1 x, so K = 2 C_t^-1 - 1 exactly; sampled to 2 %.

    400 000 points put a standard error of about 0.4 % on each entry: 2 % is five of them
    (false alarm 6e-7 an entry, 6 entries).
    """
    covariance = np.array([[0.8, 0.3, 0.0], [0.3, 0.6, -0.2], [0.0, -0.2, 0.5]])
    potential = Potential(all_to_all(3), ["bias", "stiffness", "quartic", "coupling"])
    data = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, size=200_000)
    bound = np.full(3, 20.0)
    source = PointSource(data, Noising(), -bound, bound)
    time = 0.3
    loss = quadratic_loss(potential, source, time, 1.0, 400_000, np.random.default_rng(1))
    found = loss.minimiser(ParameterBox.of_ranges(potential))
    noised = np.exp(-2 * time) * covariance + Noising().variance(time) * np.eye(3)
    exact = 2 * np.linalg.inv(noised) - np.eye(3)
    assert np.abs(potential.stiffness_matrix(found) - exact).max() < 0.02 * np.abs(exact).max()


def test_value_is_the_mean_loss_of_the_points():
    potential = Potential(lattice(2, 2, 1.0), ["bias", "stiffness", "cubic", "coupling"])
    data = np.random.default_rng(2).standard_normal((50, 4))
    source = PointSource(data, Noising(), np.full(4, -9.0), np.full(4, 9.0))
    parameters = np.random.default_rng(3).standard_normal(potential.parameters)
    loss = quadratic_loss(potential, source, 0.5, 0.4, 3_000, np.random.default_rng(4))
    drawn = source.draw(0.5, 3_000, np.random.default_rng(4))
    target = Noising().reverse_force(drawn.noised, drawn.noise, 0.5)
    residuals = potential.forces(parameters, drawn.noised) - target
    assert loss.value(parameters) == pytest.approx(0.2 * np.mean(np.sum(residuals**2, axis=1)))
