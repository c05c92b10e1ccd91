"""Outputs that may change slowly, on a board that is fast: no waveform grows beyond reason."""

from __future__ import annotations

import time

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.calibration.constants import measure_response
from oscilab.calibration.sweep import sweep_lines
from oscilab.physics import Protocol
from oscilab.physics.schedule import geometric

SLEW = 40.0
MOST_STEPS = 200_000
"""Ramps of the sample clock's own pace would take 2.5 million steps, each."""


@pytest.fixture
def slow():
    """A device of 40 V/s, and the steps of every waveform that it was sent."""
    limits = {
        "outputs": {"range": [-10.0, 10.0], "slew": SLEW, "safe": 0.0},
        "clamp_enable": {"safe": True},
    }
    # A second a relaxation time: slices hold their ramps.
    settings = {"time_s": 1.0, "longest_s": 1e4, "samples_per_slice": 10_000}
    array = opened(pair(limits=limits, settings=settings))
    steps = []
    exchange = array.wired.front_end.exchange

    def counted(waveform, *others):
        steps.append(len(waveform.samples))
        return exchange(waveform, *others)

    array.wired.front_end.exchange = counted
    yield array, steps
    board = array.wired.front_end.board
    assert (board.fastest[:-1] <= SLEW * (1 + 1e-6)).all()
    assert 0 < max(steps) < MOST_STEPS


def protocol(array):
    potential = array.description.potential
    soft, hard = (potential.vector(stiffness=k) for k in (2.0, 40.0))
    return Protocol(potential, geometric(2, 0.2, 1.0), np.stack([hard, hard, soft]))


def test_playback_from_thermal_starts(slow):
    array, steps = slow
    found = array.play(protocol(array), copies=3)
    assert len(steps) == 3
    assert np.isfinite(found.final).all()


def test_playback_from_given_starts(slow):
    array, steps = slow
    starts = np.array([[3.0, -3.0], [-3.0, 3.0], [0.0, 0.0]])
    found = array.play(protocol(array), initial=starts)
    assert len(steps) == 3
    np.testing.assert_allclose(found.initial, starts, atol=1e-9)


def test_sweeps(slow):
    array, _ = slow
    found = sweep_lines(array, 8, np.random.default_rng(0))
    expected = array.lines.clamp_scale.quantity(found.clamps)
    np.testing.assert_allclose(array.lines.positions(found.positions.T), expected, atol=1e-9)


def test_the_response(slow):
    array, _ = slow
    assert measure_response(array).seconds == 0


def test_a_board_much_quicker_than_real_time_does_not_stall():
    """Free between calls, it would have ten thousand relaxation times to catch up a millisecond."""
    array = opened(pair(connection={"pace": 1e-5}))
    front_end = array.wired.front_end
    array.drive.energise()
    levels = front_end.read_outputs()
    levels[-1] = 0.0
    front_end.set_outputs(levels)
    before = front_end.board.seconds
    time.sleep(0.02)
    assert np.isfinite(front_end.read_inputs(["ai0"])).all()
    assert front_end.board.seconds > before + 0.02 / 1e-5
    array.close()
