import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab.merit import fitted_gaussian, memorisation
from oscilab.merit.distances import BLOCK, at_most, nearest_distances

RNG = np.random.default_rng(5)


def test_distances_agree_with_every_pair_compared():
    samples, train = RNG.normal(size=(BLOCK + 40, 3)), RNG.normal(size=(70, 3))
    pairs = np.linalg.norm(samples[:, None] - train, axis=2)
    assert np.allclose(nearest_distances(samples, train), pairs.min(axis=1), rtol=1e-12)


def test_a_copy_is_at_distance_zero_even_far_from_the_origin():
    train = RNG.normal(size=(50, 6)) + 1e3
    assert (nearest_distances(train[::-1], train) == 0).all()


def test_copies_are_found_out():
    train, held_out = RNG.normal(size=(400, 3)), RNG.normal(size=(60, 3))
    found = memorisation(train[:50], train, held_out)
    assert (found.median, found.smallest, found.near_share) == (0, 0, 1)
    assert found.held_out_median > found.held_out_smallest > 0


def test_new_draws_from_the_data_are_near_as_often_as_held_out_data():
    """One tenth of 3000 draws, within 0.04: the quantile of 3000 held-out ones and the share each
    have a deviation of 0.0055, so five of both together (false alarm below 1e-6)."""
    train = RNG.normal(size=(500, 3))
    found = memorisation(RNG.normal(size=(3000, 3)), train, RNG.normal(size=(3000, 3)))
    assert found.near_share == pytest.approx(0.1, abs=0.04)


def test_samples_off_the_data_are_far():
    train, held_out = RNG.normal(size=(400, 3)), RNG.normal(size=(60, 3))
    found = memorisation(RNG.normal(size=(50, 3)) + 40, train, held_out)
    assert found.near_share == 0
    assert found.smallest > 40


@pytest.mark.parametrize(
    ("samples", "train"), [((0, 2), (5, 2)), ((5, 2), (0, 2)), ((5, 2), (5, 3))]
)
def test_sets_that_cannot_be_compared_are_refused(samples, train):
    with pytest.raises(InvalidInput, match="cannot be compared"):
        nearest_distances(np.zeros(samples), np.zeros(train))


def test_a_fitted_gaussian_has_the_mean_and_covariance_of_the_data():
    """14 figures within 5 standard errors: false alarm below 1e-5; a constant stays constant."""
    train, count = RNG.normal(size=(300, 4)) @ RNG.normal(size=(4, 4)), 50_000
    train[:, 2] = -1.0
    drawn = fitted_gaussian(train, count, seed=3)
    spread = train.std(axis=0)
    gap = np.abs(drawn.mean(axis=0) - train.mean(axis=0))
    assert (gap <= 5 * spread / count**0.5 + 1e-6).all()
    expected = np.cov(train.T)
    error = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / count)
    assert (np.abs(np.cov(drawn.T) - expected) <= 5 * error + 1e-6).all()
    assert np.allclose(drawn[:, 2], -1, atol=1e-6)


def test_a_fitted_gaussian_in_one_dimension():
    assert fitted_gaussian(np.arange(10.0)[:, None], 5, seed=0).shape == (5, 1)


def test_at_most_draws_without_repetition():
    values = np.arange(20.0)[:, None]
    assert at_most(values, 30, 0) is values
    chosen = at_most(values, 12, 0)
    assert len(np.unique(chosen)) == 12
    assert np.array_equal(chosen, at_most(values, 12, 0))
