"""Protocols: settings held in turn, from T down to t_min."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics import Noising, Potential, Protocol, Schedule, geometric, lattice

POTENTIAL = Potential(lattice(1, 2, 1), ["stiffness", "coupling"])
EDGES = np.array([0.1, 0.3, 0.9, 2.7])


def protocol(interpolation="constant", stretch=1.0, noising=None):
    """Return a protocol of three slices with different parameters at every node."""
    parameters = np.arange(1.0, 13.0).reshape(4, 3) ** 1.5
    schedule = Schedule(EDGES, interpolation, stretch)
    return Protocol(POTENTIAL, schedule, parameters, noising or Noising())


def ramp(found, times):
    """Return the linear protocol's parameters at noising times, `[time, parameter]`."""
    columns = [np.interp(times, EDGES, column) for column in found.parameters.T]
    return np.stack(columns, axis=1)


def test_constant_slices_are_held_from_the_last_to_the_first():
    found = protocol()
    stairs = found.stairs()
    np.testing.assert_array_equal(stairs.noising_times, EDGES[::-1])
    np.testing.assert_array_equal(stairs.parameters, found.parameters[[3, 2, 1]])
    np.testing.assert_allclose(stairs.durations, [1.8, 0.6, 0.2])


@pytest.mark.parametrize("interpolation", ["constant", "linear"])
@pytest.mark.parametrize(("stretch", "speed"), [(1.0, 1.0), (1.5, 1.0), (1.0, 4.0), (3.0, 0.5)])
def test_playing_takes_as_long_as_the_noising_at_that_speed_and_stretch(
    interpolation, stretch, speed
):
    found = protocol(interpolation, stretch, Noising(speed=speed))
    expected = (2.7 - 0.1) * stretch / speed
    assert found.duration == pytest.approx(expected)
    for updates in (1, 7):
        stairs = found.stairs(updates)
        assert stairs.durations.sum() == pytest.approx(expected)
        np.testing.assert_allclose(
            stairs.durations, -np.diff(stairs.noising_times) * stretch / speed
        )


def test_a_ramp_is_played_downwards_in_equal_steps_of_each_slice():
    found = protocol("linear")
    stairs = found.stairs(4)
    assert stairs.parameters.shape == (12, 3)
    assert len(stairs.durations) == len(stairs.noising_times) - 1 == 12
    assert (np.diff(stairs.noising_times) < 0).all()
    np.testing.assert_array_equal(stairs.noising_times[::4], EDGES[::-1])
    np.testing.assert_allclose(
        stairs.durations.reshape(3, 4), np.outer([1.8, 0.6, 0.2], [0.25] * 4)
    )
    middles = (stairs.noising_times[1:] + stairs.noising_times[:-1]) / 2
    np.testing.assert_allclose(stairs.parameters, ramp(found, middles))


def test_stairs_hold_the_ramps_mean_whatever_their_number():
    found = protocol("linear")
    widths = np.diff(EDGES)
    mean = ((found.parameters[1:] + found.parameters[:-1]) / 2 * widths[:, np.newaxis]).sum(axis=0)
    for updates in (1, 3, 16):
        stairs = found.stairs(updates)
        np.testing.assert_allclose(stairs.durations @ stairs.parameters, mean)


def test_stairs_converge_to_the_ramp():
    """Convergence is of first order: a step's ends are off by half of its rise."""
    found = protocol("linear")
    gaps = []
    for updates in (4, 8, 16, 32):
        stairs = found.stairs(updates)
        starts = ramp(found, stairs.noising_times[:-1])
        gaps.append(np.abs(starts - stairs.parameters).max())
    np.testing.assert_allclose(gaps[0] / np.array(gaps), [1, 2, 4, 8], rtol=1e-9)
    default = found.stairs()
    assert len(default.durations) == 3 * 16


def test_the_readout_setting_is_the_one_at_t_min():
    for interpolation in ("constant", "linear"):
        found = protocol(interpolation)
        assert found.schedule.nodes[0] == found.schedule.t_min
        np.testing.assert_array_equal(found.readout_parameters, found.parameters[0])


def test_the_readout_node_is_never_played_in_constant_slices():
    found = protocol()
    moved = found.parameters.copy()
    moved[0] += 1
    again = Protocol(POTENTIAL, found.schedule, moved)
    np.testing.assert_array_equal(again.stairs().parameters, found.stairs().parameters)


def test_parameters_may_be_lists():
    found = Protocol(POTENTIAL, geometric(1, 0.1, 1), [[1, 1, 0], [2, 2, 1]])
    assert found.parameters.dtype == np.float64
    assert found.noising == Noising()


def spoilt(node, parameter, value):
    parameters = np.ones((4, 3))
    parameters[node, parameter] = value
    return parameters


@pytest.mark.parametrize(
    ("error", "parameters", "words"),
    [
        (InvalidInput, np.ones((3, 3)), "have shape (3, 3); this schedule and potential need (4"),
        (InvalidInput, np.ones((4, 2)), "have shape (4, 2); this schedule and potential need (4"),
        (InvalidInput, np.ones(12), "have shape (12,); this schedule and potential need (4, 3)"),
        (OutOfBox, spoilt(2, 1, np.nan), "protocol node 2: parameter stiffness[1] is nan; every"),
        (OutOfBox, spoilt(0, 2, -np.inf), "protocol node 0: parameter coupling[0,1] is -inf; ev"),
    ],
)
def test_parameters_that_cannot_be(error, parameters, words):
    with pytest.raises(error) as caught:
        Protocol(POTENTIAL, Schedule(EDGES), parameters)
    assert words in str(caught.value)


@pytest.mark.parametrize("updates", [0, -3])
@pytest.mark.parametrize("interpolation", ["constant", "linear"])
def test_a_ramp_of_no_steps(updates, interpolation):
    with pytest.raises(InvalidInput, match=f"{updates} updates a slice make no ramp; use 1 or mor"):
        protocol(interpolation).stairs(updates)
