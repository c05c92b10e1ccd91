"""Noising paths made by the array: their distribution, their target, and the clamps."""

from dataclasses import replace

import numpy as np
import pytest

from oscilab.errors import OutOfClamp
from oscilab.learning.measurement import PointSource, Sampling
from oscilab.learning.rules import run_noising
from oscilab.physics import Noising, Potential, all_to_all
from oscilab_sim.array import SimulatedArray

POTENTIAL = Potential(all_to_all(1, 2), ["stiffness", "quartic", "coupling"])
TIME = 0.6


def source(data, noising, bound=8.0):
    return PointSource(np.asarray(data, float), noising, np.full(2, -bound), np.full(2, bound))


def array_for(noising, clamp=8.0):
    settings = SimulatedArray.Settings(
        temperature=noising.temperature, step_fraction=0.002, clamp=clamp
    )
    return SimulatedArray(POTENTIAL, seed=1, settings=settings)


@pytest.mark.parametrize("noising", [Noising(), Noising(speed=3.0, temperature=0.5)])
def test_paths_follow_the_noising_whatever_the_bath(noising):
    """Mean, variance and covariance at both times agree to 5 standard errors (4e-6 over six)."""
    count = 40_000
    sampling = Sampling(count, np.random.default_rng(0), delta=0.4)
    path = run_noising(array_for(noising), source([[1.0, -0.5]], noising), TIME, sampling)
    assert path.duration == pytest.approx(0.4 * noising.variance(TIME))
    before = TIME - path.duration
    for time, found in ((before, path.start), (TIME, path.end)):
        centred = found - noising.decay(time) * np.array([1.0, -0.5])
        variance = noising.variance(time)
        assert np.abs(centred.mean(axis=0)).max() < 5 * np.sqrt(variance / count)
        spread = np.abs(centred.var(axis=0) - variance).max()
        assert spread < 5 * variance * np.sqrt(2 / count) + 0.002
    together = np.mean((path.start - path.start.mean(0)) * (path.end - path.end.mean(0)), axis=0)
    expected = noising.decay(path.duration) * noising.variance(before)
    error = np.sqrt(noising.variance(before) * noising.variance(TIME) / count)
    assert np.abs(together - expected).max() < 5 * error + 0.002


def test_first_order_target_is_the_motion_backwards():
    start, end = np.array([[0.4, -0.2]]), np.array([[0.41, -0.22]])
    noising = Noising()
    exact = noising.path_force(start, end, 1e-4)
    assert exact == pytest.approx((start - end) / 1e-4, rel=0.02)


def test_paths_that_leave_the_clamps_are_run_again_and_counted():
    noising = Noising()
    sampling = Sampling(4000, np.random.default_rng(0), delta=0.2)
    path = run_noising(array_for(noising), source([[0.0, 0.0]], noising, 1.5), 3.0, sampling)
    assert np.abs(path.end).max() <= 1.5
    assert np.abs(path.start).max() <= 1.5
    # In a quarter of all paths at least one of two normals is beyond 1.5; in more of them it is so
    # at one of the two times.
    assert 0.25 < path.redrawn < 0.45


def test_clamps_without_room_are_refused():
    noising = Noising()
    points = replace(source([[7.9, 7.9]], noising, 8.0), clamp_upper=np.full(2, -7.0))
    with pytest.raises(OutOfClamp, match=r"100 rounds 3 of 3 noising paths"):
        run_noising(array_for(noising), points, 0.05, Sampling(3, np.random.default_rng(0)))
