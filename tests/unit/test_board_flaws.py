"""Each imperfection of the virtual board, tested alone."""

import numpy as np
import pytest
from wired_benches import PAIR, opened, pair

from oscilab.errors import DeviceFailed
from oscilab.physics import noising_parameters

SIGMAS = 5.0
POINTS = np.array([[0.5, -1.0], [2.0, 1.5], [-3.0, 0.0]])


def flawed(**flaws):
    """Return an array behind a board with these flaws."""
    settings = flaws.pop("settings", {})
    return opened(pair(connection={"imperfections": flaws}, settings=settings))


def read(array, points=POINTS):
    return array.measure_forces(noising_parameters(array.description.potential), points)


def test_without_flaws_readings_are_exact():
    reading = read(flawed())
    np.testing.assert_allclose(reading.positions, POINTS, atol=1e-12)
    np.testing.assert_allclose(reading.forces, -POINTS, atol=1e-9)


def test_converters_round_to_their_steps():
    array = flawed(adc_bits=12)
    points = POINTS + 0.00123
    reading = read(array, points)
    step = 20 / 2**12 / (10 / 16.0)
    error = reading.positions - points
    assert np.abs(error).max() <= step / 2 * (1 + 1e-9)
    assert np.abs(error).max() > 0
    np.testing.assert_allclose(np.rint(reading.positions / step) * step, reading.positions)
    driven = read(flawed(dac_bits=8)).positions
    coarse = 20 / 2**8 / (10 / 6.0)
    np.testing.assert_allclose(np.rint(driven / coarse) * coarse, driven, atol=1e-9)
    assert np.abs(driven - POINTS).max() > 0


def test_a_saturated_input_is_a_failure_and_not_a_reading():
    array = flawed(adc_bits=16, settings={"position_span": 2.0})
    with pytest.raises(DeviceFailed, match=r"input ai0 of device pair reads .* end of its range"):
        read(array)
    board = array.wired.front_end.board
    np.testing.assert_array_equal(board.levels, array.drive.limits.safe)


def test_gain_and_offset_errors_are_those_of_the_truth():
    array = flawed(gain_error=0.01, offset_error_V=0.02, seed=3)
    truth = array.wired.front_end.board.truth
    reading = read(array)
    for site in range(2):
        clamp = truth.lines[array.wired.wiring.clamps[site]]
        asked = array.calibration.lines[array.wired.wiring.clamps[site]]
        sensor = truth.lines[array.wired.wiring.positions[site]]
        shown = array.calibration.lines[array.wired.wiring.positions[site]]
        length = array.calibration.units.length
        volts = asked.offset + asked.gain * POINTS[:, site] * length
        metres = (volts - clamp.offset) / clamp.gain
        expected = (sensor.offset + sensor.gain * metres - shown.offset) / shown.gain / length
        np.testing.assert_allclose(reading.positions[:, site], expected, rtol=1e-9)
    assert np.abs(reading.positions - POINTS).max() > 1e-3


def test_white_noise_averages_down():
    """Variance of 2000 readings to 5 sampling errors: false-alarm rate 1e-6 a comparison."""
    spread = 0.01 / (10 / 16.0)
    for average in (1, 16):
        array = flawed(input_noise_V=0.01, settings={"average": average})
        errors = read(array, np.zeros((2000, 2))).positions
        expected = spread**2 / average
        assert abs(errors.var() - expected) < SIGMAS * expected * np.sqrt(2 / errors.size)


def test_flicker_noise_does_not():
    array = flawed(flicker_noise_V=0.01, settings={"average": 16})
    errors = read(array, np.zeros((2000, 2))).positions
    spread = 0.01 / (10 / 16.0)
    assert errors.var() > 4 * spread**2 / 16
    near = np.mean(errors[1:] * errors[:-1]) / errors.var()
    assert near > 0.5


def test_output_crosstalk_reaches_the_neighbours():
    array = flawed(output_crosstalk=0.01)
    theta = array.description.potential.vector(stiffness=[1.0, 101.0])
    forces = array.measure_forces(theta, [[1.0, 0.0]]).forces
    clean = opened(pair()).measure_forces(theta, [[1.0, 0.0]]).forces
    # stiffness[1] at 5.05 V adds a hundredth to each neighbour on the board: to stiffness[0], with
    # 0.05 V per unit, and to quartic[0], with 0.1 V per unit.
    assert forces[0, 0] - clean[0, 0] == pytest.approx(-1.01 - 0.505, rel=0.01)


def test_a_soft_clamp_yields_and_trembles():
    """Deflection F / c and variance 1 / c, to 5 sampling errors: false-alarm rate 3e-6."""
    stiffness = 400.0
    array = flawed(clamp_stiffness=stiffness)
    count = 3000
    positions = read(array, np.tile([2.0, -1.0], (count, 1))).positions
    expected = np.array([2.0, -1.0]) * stiffness / (stiffness + 1)
    assert (np.abs(positions.mean(axis=0) - expected) < SIGMAS / np.sqrt(stiffness * count)).all()
    ratio = positions.var(axis=0) * stiffness
    assert (np.abs(ratio - 1) < SIGMAS * np.sqrt(2 / count)).all()


def test_settling_needs_waiting():
    slow = {"output_settling_s": 1e-3}
    hasty, patient = (flawed(**slow, settings={"settle_s": t}) for t in (0.0, 1e-2))
    assert np.abs(read(hasty).positions - POINTS).max() > 0.1
    np.testing.assert_allclose(read(patient).positions, POINTS, atol=1e-3)


def test_a_slow_sensor_lags_behind_a_motion():
    quick, slow = flawed(), flawed(sensor_settling_s=5e-3, settings={"settle_s": 0.1})
    theta = quick.description.potential.vector(stiffness=20.0)
    points = np.full((400, 2), 5.0)
    at_once = quick.relax(theta, points, 0.2).end.mean()
    late = slow.relax(theta, points, 0.2).end.mean()
    assert at_once < 0.5
    assert late > 2.0


def test_offsets_drift_with_the_boards_clock():
    array = flawed(offset_drift_V_per_s=0.1, seed=2)
    before = read(array).positions
    array.wired.front_end.pause(5.0)
    moved = (read(array).positions - before) * 10 / 16.0
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)
    assert 0.01 < np.abs(moved).max() < 5


def test_a_warmer_bath_moves_more():
    """Variance of 4000 relaxed positions to 5 sampling errors: false-alarm rate 1e-6."""
    array = flawed(kT_error=0.3)
    theta = noising_parameters(array.description.potential)
    end = array.relax(theta, np.zeros((4000, 2)), 8.0).end
    assert abs(end.var() - 1.3) < SIGMAS * 1.3 * np.sqrt(2 / end.size) + 0.02


def test_a_more_mobile_array_is_faster():
    """Mean of 4000 to 5 sampling errors: false-alarm rate 1e-6."""
    array = flawed(mobility_error=0.5)
    theta = noising_parameters(array.description.potential)
    end = array.relax(theta, np.full((4000, 2), 5.0), 0.5).end
    assert abs(end.mean() - 5 * np.exp(-0.75)) < SIGMAS / np.sqrt(end.size) + 0.02


def test_latency_shows_the_point_before():
    # A clock so slow that no ramps are inserted between the points.
    array = flawed(latency_samples=1, settings={"rate_hz": 1e4})
    np.testing.assert_allclose(read(array).positions[1:], POINTS[:-1], atol=1e-12)


def test_dead_stuck_and_swapped_lines():
    np.testing.assert_array_equal(read(flawed(dead=["ai0"])).positions[:, 0], 0)
    np.testing.assert_allclose(read(flawed(stuck={"ai1": 5.0})).positions[:, 1], 8.0)
    swapped = read(flawed(swapped=[["ai0", "ai1"]])).positions
    np.testing.assert_allclose(swapped, POINTS[:, ::-1], atol=1e-12)
    # A dead clamp output leaves its oscillator at the origin.
    wired = opened(pair()).wired.wiring
    np.testing.assert_array_equal(read(flawed(dead=[wired.clamps[1]])).positions[:, 1], 0)


def test_the_bath_on_the_force_sensor_is_two_over_the_averaging_time():
    """Variance of 4000 readings to 5 sampling errors: false-alarm rate 1e-6."""
    settings = {"average": 4, "rate_hz": 1000.0}
    array = flawed(bath_on_force=True, settings=settings)
    forces = read(array, np.zeros((2000, 2))).forces
    averaged = 4 / 1000.0 / array.description.time_scale
    expected = 2 / averaged
    assert abs(forces.var() - expected) < SIGMAS * expected * np.sqrt(2 / forces.size)


def test_the_same_seed_is_the_same_board():
    flaws = {"gain_error": 0.01, "input_noise_V": 0.01}
    first, again, other = (flawed(**flaws, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(read(first).forces, read(again).forces)
    assert (read(other).forces != read(first).forces).any()


def test_both_ways_of_clocking_see_the_same_board():
    """Without randomness, an untimed front end reads the same as a timed one."""
    theta = noising_parameters(opened(pair()).description.potential)
    timed = opened(pair()).measure_forces(theta, POINTS)
    stepwise = opened(pair(connection={"hardware_timed": False})).measure_forces(theta, POINTS)
    np.testing.assert_allclose(timed.forces, stepwise.forces, atol=1e-9)
    assert PAIR["front_end"] == "virtual"
