"""Readings between the integrator's steps, from a Brownian bridge between the steps' ends."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab_sim.board.plant import bridged

COPIES, OSCILLATORS = 4000, 3
SIGMAS = 5.0
TIMES = np.array([0.1, 0.25, 0.4, 0.5, 0.9, 1.2])
KEPT = np.array([False, False, True, False, False, True])


def ends(rng):
    return [rng.standard_normal((COPIES, OSCILLATORS)) for _ in range(1 + KEPT.sum())]


def test_what_the_integrator_met_stays_as_it_is():
    """Refining leaves the integrator's positions bit-identical."""
    rng = np.random.default_rng(1)
    passed = ends(rng)
    found = bridged(rng, TIMES, KEPT, passed)
    assert len(found) == len(TIMES)
    for there, before in zip(np.flatnonzero(KEPT), passed[1:], strict=True):
        np.testing.assert_array_equal(found[there], before)


def test_refined_or_coarse_the_ends_are_the_same():
    """The integrator's positions do not depend on the number of stops in between."""
    rng = np.random.default_rng(2)
    passed = ends(rng)
    fine = np.linspace(0.01, 1.2, 240)
    kept = np.isin(np.arange(240), [np.argmin(np.abs(fine - t)) for t in TIMES[KEPT]])
    coarse = bridged(rng, TIMES[KEPT], np.ones(2, np.bool_), passed)
    refined = bridged(rng, fine, kept, passed)
    for one, other in zip(coarse, np.array(refined)[kept], strict=True):
        np.testing.assert_array_equal(one, other)


def residuals(found, passed):
    """Return positions minus the straight lines between the ends, `[stop, copy, oscillator]`."""
    knots = np.concatenate([[0.0], TIMES[KEPT]])
    places = np.stack(passed)
    left = np.searchsorted(knots[1:-1], TIMES, side="left")
    share = ((TIMES - knots[left]) / (knots[left + 1] - knots[left]))[:, None, None]
    return np.stack(found) - (places[left] + share * (places[left + 1] - places[left]))


def covariance():
    """Of a bridge from a to b at s <= t: 2 (s - a) (b - t) / (b - a); stretches are independent."""
    knots = np.concatenate([[0.0], TIMES[KEPT]])
    left = np.searchsorted(knots[1:-1], TIMES, side="left")
    expected = np.zeros((len(TIMES), len(TIMES)))
    for i, s in enumerate(TIMES):
        for j, t in enumerate(TIMES):
            if left[i] == left[j]:
                a, b = knots[left[i]], knots[left[i] + 1]
                expected[i, j] = 2 * (min(s, t) - a) * (b - max(s, t)) / (b - a)
    return expected


def test_between_the_ends_it_is_a_brownian_bridge():
    """Means and covariances over 12000 paths agree to 5 theoretical standard errors.

    The 4 free stops have 4 means and 10 covariances: false-alarm rate 14 * 6e-7 = 8e-6. The
    variance of a walk without a fixed end would be off by more than 40 standard errors.
    """
    rng = np.random.default_rng(3)
    passed = ends(rng)
    free = ~KEPT
    paths = residuals(bridged(rng, TIMES, KEPT, passed), passed)[free].reshape(free.sum(), -1)
    expected = covariance()[np.ix_(free, free)]
    n = paths.shape[1]
    variances = np.diag(expected)
    assert (np.abs(paths.mean(axis=1)) < SIGMAS * np.sqrt(variances / n)).all()
    # Of Gaussian variables of known mean zero the product's variance is c_ii c_jj + c_ij^2.
    error = np.sqrt((np.outer(variances, variances) + expected**2) / n)
    seen = paths @ paths.T / n
    assert (np.abs(seen - expected) < SIGMAS * error).all()
    forgetful = 2 * TIMES[free]
    assert (np.abs(np.diag(seen) - forgetful) > 8 * SIGMAS * np.diag(error)).any()


def test_copies_and_oscillators_are_independent():
    """The correlation of two oscillators' and of two copies' detours: false-alarm rate 1e-6."""
    rng = np.random.default_rng(4)
    passed = ends(rng)
    detours = residuals(bridged(rng, TIMES, KEPT, passed), passed)[0]
    detours /= np.sqrt(covariance()[0, 0])
    for one, other in ((detours[:, 0], detours[:, 1]), (detours[::2, 0], detours[1::2, 0])):
        assert abs((one * other).mean()) < SIGMAS / np.sqrt(len(one))


@pytest.mark.parametrize("kept", [[True], [False, True], [False, False, False, True]])
def test_a_single_stretch(kept):
    rng = np.random.default_rng(5)
    passed = [np.zeros((2, 1)), np.ones((2, 1))]
    found = bridged(rng, np.linspace(0.2, 0.8, len(kept)), np.array(kept), passed)
    assert len(found) == len(kept)
    np.testing.assert_array_equal(found[-1], passed[1])
    assert np.isfinite(found).all()
