"""Clamp, release, wait, read: free motion under held parameters."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.arrays import Capability
from oscilab.physics import noising_parameters

SIGMAS = 5.0
"""Sampling errors allowed; a right array fails one comparison in 2e6."""


@pytest.fixture(autouse=True)
def _needs(need):
    need(Capability.RELEASE)


def test_start_and_end_come_with_the_set_points(rig):
    potential = rig.array.description.potential
    points = np.array([[0.5, -1.0], [1.5, 0.0], [-2.0, 1.0]])
    reading = rig.array.relax(noising_parameters(potential), points, 0.25)
    np.testing.assert_array_equal(reading.set_points, points)
    np.testing.assert_allclose(reading.start, points, atol=rig.position_error, rtol=0)
    assert reading.end.shape == points.shape
    assert np.isfinite(reading.end).all()
    # By the sample clock that there was, which a timebase rounds.
    assert reading.duration == pytest.approx(0.25, rel=1e-4)


def test_a_spring_relaxes_as_ornstein_and_uhlenbeck_say(rig):
    """Mean x0 exp(-k t) and variance T (1 - exp(-2 k t)) / k, to 5 sampling errors.

    False-alarm rate 2e-6 over its four comparisons; random, unless the array is simulated.
    """
    potential = rig.array.description.potential
    stiffness, start = np.array([2.0, 0.5]), np.array([1.0, -2.0])
    duration = 0.4
    theta = potential.vector(stiffness=stiffness)
    end = rig.array.relax(theta, np.tile(start, (rig.batch, 1)), duration).end
    decay = np.exp(-stiffness * duration)
    variance = rig.array.description.temperature * (1 - decay**2) / stiffness
    error = SIGMAS * np.sqrt(variance / rig.batch) + rig.model_error * np.abs(start)
    assert (np.abs(end.mean(axis=0) - start * decay) < error).all()
    error = (SIGMAS * np.sqrt(2 / rig.batch) + rig.model_error) * variance
    assert (np.abs(end.var(axis=0) - variance) < error).all()


def test_coupled_springs_reach_their_common_equilibrium(rig):
    """Covariance T K^-1 after ten of the slowest relaxation times, to 5 sampling errors.

    False-alarm rate 2e-6 over its three comparisons; random, unless the array is simulated.
    """
    potential = rig.array.description.potential
    theta = potential.vector(stiffness=[2.0, 3.0], coupling=-1.0)
    matrix = potential.stiffness_matrix(theta)
    duration = 10 / np.linalg.eigvalsh(matrix)[0]
    end = rig.array.relax(theta, np.zeros((rig.batch, 2)), duration).end
    expected = rig.array.description.temperature * np.linalg.inv(matrix)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) + expected**2)
    error = SIGMAS * scale / np.sqrt(rig.batch) + rig.model_error * np.abs(expected).max()
    assert (np.abs(np.cov(end.T) - expected) < error).all()


def test_a_bias_pulls_against_its_sign(rig):
    """Mean -bias / stiffness at equilibrium, 5 sampling errors: one false alarm in 1e6."""
    potential = rig.array.description.potential
    theta = potential.vector(bias=[3.0, -3.0], stiffness=2.0)
    end = rig.array.relax(theta, np.zeros((rig.batch, 2)), 5.0).end
    spread = np.sqrt(rig.array.description.temperature / 2 / rig.batch)
    error = SIGMAS * spread + rig.model_error * 1.5
    assert (np.abs(end.mean(axis=0) - [-1.5, 1.5]) < error).all()


def test_repeated_releases_differ(array):
    if array.description.temperature == 0:
        pytest.skip("without a bath, motion repeats itself")
    theta = noising_parameters(array.description.potential)
    first, second = (array.relax(theta, np.zeros((4, 2)), 0.5).end for _ in range(2))
    assert (first != second).any()
