import itertools

import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab.merit import sliced_wasserstein
from oscilab.merit.distances import PROJECTION_SEED, PROJECTIONS, unit_directions

RNG = np.random.default_rng(12)


def test_a_set_is_at_no_distance_from_itself_in_any_order():
    points = RNG.normal(size=(30, 4))
    assert sliced_wasserstein(points, points[::-1]) == 0


def test_repeating_a_set_does_not_move_it():
    points = RNG.normal(size=(30, 4))
    assert sliced_wasserstein(points, np.repeat(points, 7, axis=0)) == 0


@pytest.mark.parametrize("counts", [(1, 1), (40, 40), (40, 1)])
def test_a_shift_costs_its_own_projection(counts):
    """For point masses, and a translated set, every projection is a translation."""
    shift = np.array([3.0, -1.0, 0.5])
    points = RNG.normal(size=(max(counts), 3)) if counts[1] > 1 else np.ones((counts[0], 3))
    moved = (points + shift)[: counts[1]]
    directions = unit_directions(PROJECTIONS, 3, PROJECTION_SEED)
    expected = np.sqrt(((directions @ shift) ** 2).mean())
    assert sliced_wasserstein(points, moved) == pytest.approx(expected, rel=1e-12)


def test_point_masses_far_apart_come_near_the_closed_form():
    """|shift| / sqrt(features) over all directions; 500 are within 15 % (false alarm < 1e-6)."""
    shift = np.full((1, 20), 2.0)
    assert sliced_wasserstein(shift, 0 * shift) == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize(("first", "second"), [(4, 6), (5, 3), (7, 7), (1, 8)])
def test_unequal_counts_in_one_dimension_are_matched_exactly(first, second):
    """The distance equals the best assignment of sets repeated to equal counts."""
    a, b = RNG.normal(size=(first, 1)), RNG.normal(size=(second, 1))
    together = np.lcm(first, second)
    left = np.sort(np.repeat(a[:, 0], together // first))
    right = np.sort(np.repeat(b[:, 0], together // second))
    expected = np.sqrt(((left - right) ** 2).mean())
    assert sliced_wasserstein(a, b) == pytest.approx(expected, rel=1e-12)


def test_sorting_is_the_cheapest_of_all_assignments():
    a, b = RNG.normal(size=(5, 1)), RNG.normal(size=(5, 1))
    costs = [
        ((a[:, 0] - b[list(order), 0]) ** 2).mean() for order in itertools.permutations(range(5))
    ]
    assert sliced_wasserstein(a, b) == pytest.approx(np.sqrt(min(costs)), rel=1e-12)


def test_isotropic_gaussians_have_their_closed_form():
    """W2^2 of N(m, s^2) and N(0, 1) is m^2 + (s - 1)^2 in every direction.

    At 20 000 and 15 000 samples each projection's W2^2 is off by about 0.01 at one deviation, and
    the mean over directions by no more; 0.06 is six deviations (false alarm below 1e-6).
    """
    first = 1.7 * RNG.normal(size=(20_000, 2)) + np.array([1.0, 0.0])
    second = RNG.normal(size=(15_000, 2))
    directions = unit_directions(PROJECTIONS, 2, PROJECTION_SEED)
    expected = (directions[:, 0] ** 2).mean() + 0.7**2
    assert sliced_wasserstein(first, second) ** 2 == pytest.approx(expected, abs=0.06)


def test_directions_are_fixed_and_have_unit_length():
    directions = unit_directions(PROJECTIONS, 144, PROJECTION_SEED)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1)
    assert np.array_equal(directions, unit_directions(PROJECTIONS, 144, PROJECTION_SEED))


@pytest.mark.parametrize(
    ("samples", "reference", "message"),
    [
        (np.zeros((3, 2)), np.zeros((3, 4)), "2 features and the reference 4"),
        (np.zeros((0, 2)), np.zeros((3, 2)), "needs a sample on each side"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "sample 0 of the batch of samples is nan"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(samples, reference, message):
    with pytest.raises(InvalidInput, match=message):
        sliced_wasserstein(samples, reference)


def test_a_distance_needs_a_projection():
    with pytest.raises(InvalidInput, match="and a projection"):
        sliced_wasserstein(np.zeros((1, 2)), np.zeros((1, 2)), projections=0)
    assert sliced_wasserstein(np.ones((1, 1)), np.zeros((1, 1)), projections=1) == 1.0
