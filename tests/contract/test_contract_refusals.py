"""What is out of range is refused by name and value, before anything moves; never clipped."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.arrays import Capability
from oscilab.errors import InvalidInput, OutOfBox, OutOfClamp
from oscilab.physics import Protocol, geometric

STILL = np.zeros((1, 2))
NOT_FINITE = [np.nan, np.inf, -np.inf]


@pytest.fixture
def theta(array):
    return array.description.potential.vector(stiffness=1.0)


@pytest.fixture
def refused(rig):
    """Check that a call is refused with `error` matching `match`, and that nothing moved."""

    def check(error, match, call, *args, **kwargs):
        before = rig.untouched()
        with pytest.raises(error, match=match):
            call(*args, **kwargs)
        assert rig.untouched() == before

    return check


@pytest.fixture(params=["measure_forces", "relax"])
def drive(request, array, need):
    """A call that drives parameters at set-points."""
    if request.param == "relax":
        need(Capability.RELEASE)
        return lambda parameters, positions: array.relax(parameters, positions, 0.01)
    need(Capability.FORCE_READOUT)
    return array.measure_forces


@pytest.fixture
def protocol(array, need):
    """Makes a protocol of one setting a slice, played last to first."""
    need(Capability.PLAY)
    potential = array.description.potential

    def make(*settings):
        readout = potential.vector(stiffness=1.0)
        schedule = geometric(len(settings), 0.1, 0.2)
        return Protocol(potential, schedule, np.stack([readout, *settings]))

    return make


@pytest.mark.parametrize("value", NOT_FINITE)
def test_parameters_that_are_not_finite(drive, refused, theta, value):
    theta[3] = value
    refused(OutOfBox, r"stiffness\[1\]", drive, theta, STILL)


def test_parameters_of_another_length(drive, refused, theta):
    refused(OutOfBox, "shape", drive, theta[:-1], STILL)


def test_parameters_outside_the_box(array, drive, refused, theta):
    theta[2] = 2 * array.description.box.upper[2]
    refused(OutOfBox, r"stiffness\[0\] is .* outside its range", drive, theta, STILL)


def test_parameters_that_do_not_confine(array, drive, refused):
    weak = array.description.potential.vector(stiffness=1.0, coupling=3.0)
    refused(OutOfBox, "escape", drive, weak, STILL)


@pytest.mark.parametrize("value", NOT_FINITE)
def test_set_points_that_are_not_finite(drive, refused, theta, value):
    refused(OutOfClamp, "oscillator 1", drive, theta, [[0.0, 0.0], [0.0, value]])


@pytest.mark.parametrize("side", ["clamp_lower", "clamp_upper"])
def test_set_points_beyond_the_clamps(array, drive, refused, theta, side):
    points = np.zeros((3, 2))
    points[2, 0] = 1.001 * getattr(array.description, side)[0]
    refused(OutOfClamp, "set-point 2 of oscillator 0", drive, theta, points)


@pytest.mark.parametrize("shape", [(2,), (1, 3), (1, 1, 2)])
def test_set_points_of_another_shape(drive, refused, theta, shape):
    refused(InvalidInput, "shape", drive, theta, np.zeros(shape))


@pytest.mark.parametrize("duration", [0.0, -1.0, np.nan, np.inf])
def test_relaxation_times_that_cannot_pass(array, need, refused, theta, duration):
    need(Capability.RELEASE)
    refused(InvalidInput, "relaxation time", array.relax, theta, STILL, duration)


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_protocol_with_any_setting_outside_the_box(array, protocol, refused, theta, bad):
    settings = [theta.copy() for _ in range(3)]
    settings[bad][0] = 2 * array.description.box.upper[0]
    refused(OutOfBox, r"bias\[0\]", array.play, protocol(*settings), initial=STILL)


def test_a_protocol_that_lets_go(array, protocol, refused, theta):
    weak = array.description.potential.vector(stiffness=1.0, coupling=3.0)
    refused(OutOfBox, "escape", array.play, protocol(theta, weak), initial=STILL)


def test_an_initial_of_another_shape(array, protocol, refused, theta):
    refused(InvalidInput, "shape", array.play, protocol(theta), initial=np.zeros((1, 3)))


@pytest.mark.parametrize("value", [*NOT_FINITE, 1e3])
def test_an_initial_that_cannot_be_clamped(array, protocol, refused, theta, value):
    refused(OutOfClamp, "oscillator 0", array.play, protocol(theta), initial=[[value, 0.0]])


@pytest.mark.parametrize("copies", [None, 0, -1])
def test_a_playback_of_no_copies(array, protocol, refused, theta, copies):
    refused(InvalidInput, "copies", array.play, protocol(theta), copies=copies)


def test_copies_that_contradict_initial(array, protocol, refused, theta):
    refused(InvalidInput, "copies", array.play, protocol(theta), copies=2, initial=STILL)


@pytest.mark.parametrize("every", [0.0, -0.1, np.nan])
def test_a_record_interval_that_is_no_time(array, protocol, refused, theta, every):
    play = array.play
    refused(InvalidInput, "record_every", play, protocol(theta), initial=STILL, record_every=every)
