"""Plays are made and looked at without a board."""

from dataclasses import fields

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.errors import InterlockTripped
from oscilab.physics import Noising, Protocol, geometric
from oscilab.wired import parts_of
from oscilab.wired.interlocks import Beats, Interlocks
from oscilab.wired.lines import Lines
from oscilab.wired.plays import Planner, Play

POINTS = np.array([[0.0, 3.0], [-1.5, 6.0]])
VOLTS = [[0.0, -2.5], [5.0, 10.0]]
"""The clamps' volts `[oscillator, point]`: 10 V for the 6 thermal amplitudes that they reach."""


@pytest.fixture
def planner():
    """10 samples to settle, 2 to average, 10 kHz; a relaxation time is 10 ms, or 100 samples."""
    parts = parts_of(pair(settings={"settle_s": 1e-3, "average": 2}))
    channels = parts.front_end.channels
    lines = Lines(parts.potential, parts.potential, parts.wiring, parts.calibration, channels)
    return Planner(lines, parts.limits.slew, parts.settings, 1e4)


def test_a_play_is_data():
    assert [field.name for field in fields(Play)] == ["waveform", "rate_hz", "inputs", "read"]


def test_clamped_points_are_held_and_read_at_their_end(planner):
    (play,) = planner.clamped(POINTS, ["ai0", "ai1", "ai2"])
    assert play.waveform.lines.tolist() == [7, 8]
    np.testing.assert_allclose(play.waveform.levels, VOLTS, atol=1e-12)
    assert play.waveform.samples.tolist() == [12, 12]
    assert play.read.tolist() == [10, 11, 22, 23]
    assert (play.rate_hz, list(play.inputs)) == (1e4, ["ai0", "ai1", "ai2"])


def test_released_points_are_read_before_and_after_their_freedom(planner):
    ((chunk, play),) = planner.released(POINTS, 0.5, "pair")
    assert len(POINTS[chunk]) == 2
    held, free = 12, 50
    assert play.waveform.samples.tolist() == [held, free, held, free, held]
    assert play.waveform.levels[2].tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]
    np.testing.assert_allclose(play.waveform.levels[:2, ::2], np.repeat(VOLTS, [1, 2], axis=1))
    assert play.read.tolist() == [10, 11, 61, 72, 73, 123]


def test_a_playback_from_noise_is_read_from_its_first_slice_to_its_last(planner):
    potential = parts_of(pair()).potential
    schedule = geometric(2, 0.1, 1.0)
    parameters = np.tile(potential.vector(stiffness=1.0, quartic=0.5), (3, 1))
    protocol = Protocol(potential, schedule, parameters, Noising())
    stairs = protocol.stairs()
    timing = planner.timing(protocol, stairs, None, 0.0)
    play, copies = planner.from_noise(protocol, stairs, timing, potential.vector(stiffness=1.0))
    held = 1 + int(np.ceil(1e-3 * timing.rate_hz - 1e-9))
    # Six relaxation times of 10 ms in the noising potential.
    wait = int(np.ceil(0.06 * timing.rate_hz))
    assert play.waveform.samples[:2].tolist() == [held, wait]
    assert play.read[0] == held + wait - 1
    # The last reading is that of the last sample before the clamps close again.
    assert play.read[-1] == play.waveform.ends[-2] - 1
    assert play.waveform.levels[-1].tolist() == [
        1.0,
        *[0.0] * (len(play.waveform.samples) - 2),
        1.0,
    ]
    assert copies > 1


def test_a_heartbeat_is_still_after_its_time_and_no_sooner():
    channels = parts_of(pair()).front_end.channels
    table = {"controller": {"channel": "di0", "beats_every_s": 1.0}}
    beats = Beats(Interlocks(table, channels, "here", live=True))
    low, high = np.array([0.0]), np.array([1.0])
    assert not beats.see(low, 0.0)
    assert beats.see(high, 0.1)
    for tenth in range(2, 12):
        # Ten readings at one level, up to one second after it changed.
        assert beats.see(high, 0.1 * tenth)
    with pytest.raises(InterlockTripped, match=r"has not beaten for 1\.1 s"):
        beats.see(high, 1.2)


def test_a_front_end_without_a_clock_reads_the_same_forces():
    theta = parts_of(pair()).potential.vector(stiffness=1.0, quartic=0.5, coupling=-0.25)
    points = np.random.default_rng(3).uniform(-2.0, 2.0, (5, 2))
    readings = []
    for timed in (True, False):
        array = opened(pair(connection={"hardware_timed": timed}))
        readings.append(array.measure_forces(theta, points))
        array.close()
    np.testing.assert_allclose(readings[1].forces, readings[0].forces, atol=1e-9)
    np.testing.assert_allclose(readings[1].positions, points, atol=1e-9)
    # U = (x^2 + y^2) / 2 + (x^4 + y^4) / 8 - x y / 4, the coupling's sign as its docstring has it.
    spring = points + 0.5 * points**3
    np.testing.assert_allclose(readings[1].forces + spring, 0.25 * points[:, ::-1], atol=1e-9)
