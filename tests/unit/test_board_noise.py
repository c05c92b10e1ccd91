"""The noise of a virtual board: its correlation in time, and its seeds."""

import numpy as np
from wired_benches import opened, pair

from oscilab.bench import open_array
from oscilab.wired.device import device_potential
from oscilab_sim.board.converters import LONGEST_S, OCTAVES, Flicker


def test_flicker_noise_counts_seconds_and_not_readings():
    """The covariance depends on the lag in seconds, for three ways of reading 1500 lines.

    The covariance at lag d is the mean of exp(-d / tau) over the octaves; its standard error is at
    most 1 / sqrt(1500) = 0.026, and 5 of them are allowed: false-alarm rate 6e-7 a comparison.
    """
    lines = np.arange(1500)
    taus = LONGEST_S * 2.0 ** -np.arange(OCTAVES)
    for times in (
        np.array([0.0, 1e-4, 1e-2, 0.5]),
        np.sort(np.append(np.linspace(0.0, 0.5, 201), 1e-4)),
        np.append(np.geomspace(1e-6, 0.4, 300) - 1e-6, 0.5),
    ):
        noise = Flicker(len(lines), np.random.default_rng(3)).take(lines, times)
        for place in (1, len(times) // 2, len(times) - 1):
            expected = np.exp(-(times[place] - times[0]) / taus).mean()
            assert abs((noise[:, 0] * noise[:, place]).mean() - expected) < 5 / np.sqrt(1500)
        assert abs(noise[:, -1].var() - 1) < 5 * np.sqrt(2 / 1500)


def test_flicker_noise_goes_on_from_call_to_call():
    lines = np.arange(1500)
    flicker = Flicker(len(lines), np.random.default_rng(4))
    first = flicker.take(lines, np.array([0.0, 1e-3]))
    later = flicker.take(lines, np.array([0.011, 0.012]))
    taus = LONGEST_S * 2.0 ** -np.arange(OCTAVES)
    expected = np.exp(-0.010 / taus).mean()
    assert abs((first[:, 1] * later[:, 0]).mean() - expected) < 5 / np.sqrt(1500)
    again = flicker.take(lines[:10], np.array([0.012, 0.012]))
    np.testing.assert_array_equal(again[:, 0], again[:, 1])


def with_seed(seed, **changes):
    device = pair(connection={"imperfections": {"gain_error": 0.01, "input_noise_V": 0.01}})
    return open_array(device, device_potential(device), seed)


def test_a_runs_seed_begins_the_noise_and_leaves_the_board_as_it_is():
    one, again, other = with_seed(1), with_seed(1), with_seed(2)
    theta = one.description.potential.vector(stiffness=2.0)
    ends = [array.relax(theta, np.zeros((5, 2)), 0.5).end for array in (one, again, other)]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert (ends[0] != ends[2]).all()
    truths = [array.wired.front_end.board.truth.lines for array in (one, other)]
    assert truths[0] == truths[1]
    assert opened(pair()).wired.front_end.board.truth.lines != truths[0]
