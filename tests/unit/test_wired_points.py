import numpy as np
import pytest
from wired_benches import PAIR, opened, pair

from oscilab.errors import InvalidInput

SLOW = {**PAIR["limits"]["outputs"], "slew": 40.0}


def slow_pair(**changes):
    """A slew limit at which a ramp lasts 2.5 million samples of the board's clock."""
    limits = {"outputs": SLOW, "clamp_enable": {"safe": True}}
    return opened(pair(limits=limits, **changes))


@pytest.mark.parametrize("count", [1, 30, 1500])
def test_a_slow_slew_on_a_fast_clock_slows_the_clock(count):
    """A ramp of seconds has a thousand samples, not ten million, and stays within its slew."""
    array = slow_pair()
    points = np.random.default_rng(2).uniform(-5, 5, (count, 2))
    theta = array.description.potential.vector(stiffness=2.0, coupling=0.5)
    reading = array.measure_forces(theta, points)
    np.testing.assert_allclose(reading.positions, points, atol=1e-6)
    expected = -(2 * points + 0.5 * points[:, ::-1])
    np.testing.assert_allclose(reading.forces, expected, atol=1e-5)
    board = array.wired.front_end.board
    assert (board.fastest <= np.minimum(array.drive.limits.slew, 1e300) * (1 + 1e-6)).all()
    array.close()


def test_a_relaxation_shorter_than_a_slow_clock_allows_sets_the_clock():
    array = slow_pair()
    theta = array.description.potential.vector(stiffness=2.0)
    points = np.array([[4.0, -4.0], [-4.0, 4.0], [0.0, 1.0]])
    reading = array.relax(theta, points, 1e-3)
    np.testing.assert_allclose(reading.start, points, atol=1e-6)
    assert 0 < np.abs(reading.end - points).max() < 0.5
    array.close()


def test_a_relaxation_has_a_longest_time():
    array = opened(pair(settings={"longest_s": 2.0}))
    theta = array.description.potential.vector(stiffness=2.0)
    with pytest.raises(InvalidInput, match=r"relaxation time 201 is 2\.01 s, but no waveform"):
        array.relax(theta, np.zeros((1, 2)), 201.0)
    assert array.wired.front_end.board.writes == 0
    array.relax(theta, np.zeros((1, 2)), 200.0)
    array.close()
