import numpy as np
import pytest

from oscilab.errors import OutOfLimits
from oscilab.wired import Waveform
from oscilab.wired.waveform import with_ramps


def ramps(levels, samples, *arguments):
    return with_ramps(Waveform(np.arange(len(levels)), levels, samples), *arguments)


def test_expands_held_levels():
    levels = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    waveform = Waveform(np.array([4, 7]), levels, np.array([2, 1, 3]), repeats=5)
    assert waveform.length == 6
    assert waveform.seconds(10.0) == 3.0
    np.testing.assert_array_equal(waveform.expand(0, 6)[0], [1, 1, 2, 3, 3, 3])
    np.testing.assert_array_equal(waveform.expand(1, 4)[1], [0, 1, 0])


def test_steps_within_the_slew_limit_stay_as_they_are():
    levels = np.array([[1.0, 0.0]])
    samples = np.array([3, 2])
    ramped = ramps(levels, samples, np.zeros(1), np.array([10.0]), 10.0)
    np.testing.assert_array_equal(ramped.waveform.levels, levels)
    np.testing.assert_array_equal(ramped.waveform.samples, samples)
    assert not ramped.ramp_samples.any()


def test_ramps_keep_every_line_within_its_slew_and_reach_every_level():
    rng = np.random.default_rng(5)
    levels = rng.uniform(-5, 5, (3, 40))
    slew, rate = np.array([7.0, 30.0, np.inf]), 10.0
    samples = rng.integers(1, 5, 40)
    start = np.zeros(3)
    ramped = ramps(levels, samples, start, slew, rate)
    dense = Waveform(np.arange(3), ramped.waveform.levels, ramped.waveform.samples).expand(
        0, int(ramped.waveform.samples.sum())
    )
    changes = np.abs(np.diff(dense, axis=1, prepend=start[:, None]))
    assert (changes <= slew[:, None] / rate + 1e-9).all()
    np.testing.assert_array_equal(ramped.waveform.levels[:, ramped.steps], levels)
    np.testing.assert_array_equal(ramped.waveform.samples[ramped.steps], samples)
    # A ramp is no longer than the slowest line needs.
    needed = np.abs(np.diff(levels, axis=1, prepend=start[:, None]))[:2] / slew[:2, None]
    np.testing.assert_array_equal(
        ramped.ramp_samples, np.ceil(needed.max(axis=0) * rate - 1e-9) - 1
    )


def test_switches_jump_as_the_ramp_begins():
    levels = np.array([[4.0], [1.0]])
    ramped = ramps(levels, np.array([1]), np.zeros(2), np.array([1.0, np.inf]), 1.0)
    np.testing.assert_array_equal(ramped.waveform.levels, [[1, 2, 3, 4], [1, 1, 1, 1]])


def test_ramps_inside_a_step_keep_its_time_or_are_refused():
    levels, inside = np.array([[4.0, 0.0]]), np.array([False, True])
    ramped = ramps(levels, np.array([2, 10]), np.zeros(1), np.ones(1), 1.0, inside)
    assert ramped.waveform.samples.sum() == 3 + 2 + 10
    with pytest.raises(OutOfLimits, match=r"takes 3 s .* lasts 3 s"):
        ramps(levels, np.array([2, 3]), np.zeros(1), np.ones(1), 1.0, inside)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (73, 1000), (2, 20_000)])
def test_the_steepest_change_of_every_line(shape):
    levels = np.random.default_rng(1).uniform(-5, 5, shape)
    waveform = Waveform(np.arange(shape[0]), levels, np.ones(shape[1], np.int64))
    expected = np.abs(np.diff(levels, axis=1)).max(axis=1, initial=0.0)
    np.testing.assert_array_equal(waveform.steepest, expected)
