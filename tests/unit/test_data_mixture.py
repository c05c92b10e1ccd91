import numpy as np
import pytest

from oscilab.data import GaussianMixture, two_gaussians
from oscilab.errors import InvalidInput
from oscilab.physics import Noising


def uneven():
    return GaussianMixture(
        np.array([0.2, 0.5, 0.3]),
        np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 0.5], [-1.0, -1.0, 0.0]]),
        np.array([np.eye(3), np.diag([0.3, 0.5, 2.0]), np.full((3, 3), 0.4) + np.eye(3)]),
    )


def test_the_density_integrates_to_one():
    grid = np.linspace(-6, 6, 401)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    total = two_gaussians().density(points).sum() * (grid[1] - grid[0]) ** 2
    assert total == pytest.approx(1, abs=1e-9)


def test_one_mode_is_the_normal_density():
    single = GaussianMixture(np.array([1.0]), np.array([[3.0]]), np.array([[[4.0]]]))
    points = np.array([[3.0], [5.0], [-60.0]])
    expected = -0.5 * ((points[:, 0] - 3) / 2) ** 2 - np.log(2 * np.sqrt(2 * np.pi))
    assert np.allclose(single.log_density(points), expected, rtol=1e-14)
    assert np.allclose(single.score(points), -(points - 3) / 4, rtol=1e-14)


def test_the_score_is_the_gradient_of_the_log_density():
    mixture, step = uneven(), 1e-5
    points = mixture.sample(50, 1)[0]
    slopes = [
        (mixture.log_density(points + step * axis) - mixture.log_density(points - step * axis))
        / (2 * step)
        for axis in np.eye(3)
    ]
    assert np.allclose(mixture.score(points), np.stack(slopes, axis=1), atol=1e-8)


def test_far_away_the_posterior_still_adds_up_to_one():
    posterior = uneven().posterior(np.full((1, 3), 1e4))
    assert posterior.sum() == pytest.approx(1, abs=1e-6)


def test_draws_have_the_weights_means_and_covariances_of_their_modes():
    """Each of 3 + 9 + 18 figures within 5 standard errors: false alarm below 2e-5."""
    mixture, count = uneven(), 60_000
    values, modes = mixture.sample(count, 2)
    for mode, weight in enumerate(mixture.weights):
        chosen = values[modes == mode]
        share = len(chosen) / count
        assert abs(share - weight) < 5 * np.sqrt(weight * (1 - weight) / count)
        covariance = mixture.covariances[mode]
        spread = np.diagonal(covariance)
        error = np.sqrt(spread / len(chosen))
        assert (np.abs(chosen.mean(axis=0) - mixture.means[mode]) < 5 * error).all()
        error = np.sqrt((np.outer(spread, spread) + covariance**2) / len(chosen))
        assert (np.abs(np.cov(chosen.T) - covariance) < 5 * error).all()


def test_the_noised_mixture_is_that_of_noised_draws():
    """Mean and second moments, 9 figures within 5 standard errors: false alarm below 6e-6."""
    mixture, noising, t, count = uneven(), Noising(), 0.4, 40_000
    clean = mixture.sample(count, 3)[0]
    noise = np.random.default_rng(4).standard_normal(clean.shape)
    moved = noising.noised(clean, noise, t)
    noised = mixture.noised(t, noising)
    mean = noised.weights @ noised.means
    assert (np.abs(moved.mean(axis=0) - mean) < 5 * moved.std(axis=0) / count**0.5).all()
    products = np.einsum("ni,nj->nij", moved, moved)
    second = noised.covariances + np.einsum("ki,kj->kij", noised.means, noised.means)
    error = products.std(axis=0) / count**0.5
    gap = products.mean(axis=0) - np.einsum("k,kij->ij", noised.weights, second)
    assert (np.abs(gap) < 5 * error).all()


def test_at_late_times_the_mixture_is_the_noise():
    late = uneven().noised(30.0)
    assert np.allclose(late.means, 0, atol=1e-12)
    assert np.allclose(late.covariances, np.eye(3), atol=1e-12)


def test_a_mixture_makes_a_labelled_data_set():
    dataset = two_gaussians().dataset("two-gaussians", 500, seed=3)
    assert (len(dataset.train), len(dataset.held_out)) == (450, 50)
    assert (dataset.shape, dataset.classes) == ((1, 2), (0, 1))


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "message"),
    [
        ([0.5, 0.6], [[0.0], [1.0]], [[[1.0]], [[1.0]]], "add up to one"),
        ([1.5, -0.5], [[0.0], [1.0]], [[[1.0]], [[1.0]]], "must be positive"),
        ([1.0], [[0.0], [1.0]], [[[1.0]], [[1.0]]], "one of each a mode"),
        ([1.0], [[0.0, 0.0]], [[[1.0, 2.0], [2.0, 1.0]]], "mode 0 is not symmetric and positive"),
        ([1.0], [[0.0, 0.0]], [[[1.0, 0.1], [0.0, 1.0]]], "mode 0 is not symmetric"),
        ([1.0], [[np.nan]], [[[1.0]]], "means of a mixture must all be finite"),
        ([1.0], [0.0], [[[1.0]]], r"means \[mode, feature\]"),
    ],
)
def test_what_is_no_mixture_is_refused(weights, means, covariances, message):
    with pytest.raises(InvalidInput, match=message):
        GaussianMixture(np.array(weights), np.array(means), np.array(covariances))
