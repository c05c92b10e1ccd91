"""Clamp points: noised data within the clamps' range."""

import numpy as np
import pytest
from scipy import stats

from oscilab.errors import InvalidInput, OutOfClamp
from oscilab.learning.measurement import PointSource, Sampling
from oscilab.physics import Noising


def source(data, bound):
    data = np.asarray(data, float)
    return PointSource(
        data, Noising(), np.full(data.shape[1], -bound), np.full(data.shape[1], bound)
    )


def test_noised_points_are_the_noising_of_the_drawn_data():
    points = source([[0.5, -0.5], [1.0, 0.0]], 8.0).draw(0.4, 500, np.random.default_rng(0))
    noising = Noising()
    assert np.array_equal(points.noised, noising.noised(points.data, points.noise, 0.4))
    assert {tuple(row) for row in points.data} == {(0.5, -0.5), (1.0, 0.0)}
    assert points.redrawn == 0


def test_points_beyond_the_clamps_are_redrawn_and_counted():
    """The share redrawn is that of a normal beyond +-1: 31.7 %, to 4 standard errors (6e-5)."""
    points = source(np.zeros((1, 1)), 1.0).draw(20.0, 20_000, np.random.default_rng(1))
    assert np.abs(points.noised).max() <= 1.0
    beyond = 2 * stats.norm.sf(1.0)
    drawn = 20_000 / (1 - beyond)
    assert abs(points.redrawn - beyond) < 4 * np.sqrt(beyond * (1 - beyond) / drawn)


def test_redrawn_points_follow_the_truncated_density():
    """Kolmogorov-Smirnov against the truncated normal, false alarm 1e-3, fixed seed."""
    points = source(np.zeros((1, 1)), 1.5).draw(20.0, 5_000, np.random.default_rng(2))
    truncated = stats.truncnorm(-1.5, 1.5)
    assert stats.kstest(points.noised[:, 0], truncated.cdf).pvalue > 1e-3


def test_data_and_noise_are_redrawn_together():
    """Near a bound only some data fit, because the joint density is truncated."""
    data = np.array([[0.0], [4.9]])
    points = source(data, 5.0).draw(0.001, 4_000, np.random.default_rng(3))
    # sigma is 0.045: a noised 4.9 passes with probability Phi(2.3), so nearly half are 4.9.
    share = (points.data == 4.9).mean()
    passes = stats.norm.cdf((5.0 - 4.9 * np.exp(-0.001)) / Noising().sigma(0.001))
    expected = passes / (1 + passes)
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / 4_000)


def test_clamps_that_leave_no_room_are_refused_with_the_numbers():
    with pytest.raises(OutOfClamp, match=r"noising time 0\.001 .*-1 to 1.*widen the clamps"):
        source(np.full((3, 1), 3.0), 1.0).draw(0.001, 10, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\); the array needs \[sample, 2\]"),
        (np.zeros((0, 2)), r"shape \(0, 2\)"),
        (np.array([[0.0, 1.0], [2.0, np.nan]]), r"sample 1 is nan at oscillator 1"),
    ],
)
def test_unusable_data_are_refused(data, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        PointSource(data, Noising(), np.full(2, -1.0), np.full(2, 1.0))


def test_weights_and_releases_are_shares_of_the_noises_variance():
    """When data have halved, sigma^2 is 3/4."""
    by_variance = Sampling(8, np.random.default_rng(0), delta=0.2)
    assert by_variance.weight(Noising(), np.log(2)) == pytest.approx(0.75)
    assert by_variance.release(Noising(), np.log(2)) == pytest.approx(0.15)
    uniform = Sampling(8, np.random.default_rng(0), weighting="uniform")
    assert uniform.weight(Noising(), np.log(2)) == 1.0
