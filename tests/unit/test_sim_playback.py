"""Details of motion and playback that are specific to the simulation."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.errors import DeviceFailed, InvalidInput, OutOfBox
from oscilab.physics import Potential, Protocol, geometric, lattice
from oscilab_sim.array import SimulatedArray
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.motion import Motion
from oscilab_sim.playback import record_times
from oscilab_sim.streams import RandomStreams


@pytest.fixture
def potential():
    return Potential(lattice(2, 2, 1.0), ["bias", "stiffness", "quartic", "coupling"])


@pytest.fixture(params=["numba", "numpy"])
def engine(request, potential):
    return choose_engine(request.param, potential, threads=1)


def motion(engine, potential, start, fraction=0.02, temperature=0.0):
    copies = engine.release(start, RandomStreams(0).next())
    return Motion(copies, potential, "here", temperature, fraction)


def test_an_oscillator_that_runs_away_is_an_error(engine, potential):
    """Parameters do not confine, as only after a failed check."""
    away = potential.vector(stiffness=[1.0, 1.0, -50.0, 1.0])
    moving = motion(engine, potential, np.full((70, 4), 0.1))
    with pytest.raises(DeviceFailed, match="oscillator 2 of device here ran away beyond"):
        moving.hold(away, 100.0)


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.5])
def test_steep_walls_far_out_are_stepped_over_safely(engine, potential, fraction):
    """From 6 amplitudes in a quartic of 100, only the first steps need to be tiny."""
    theta = potential.vector(quartic=100.0)
    moving = motion(engine, potential, np.full((3, 4), 6.0), fraction)
    moving.hold(theta, 0.5)
    expected = 1 / np.sqrt(1 / 36 + 2 * 100.0 * 0.5)
    np.testing.assert_allclose(moving.positions(), expected, rtol=2 * fraction)


@pytest.mark.parametrize("duration", [0.0301, 1.0])
def test_time_adds_up(engine, potential, duration):
    """A free oscillator under a bias of -1 moves by the elapsed time, for any steps.

    The spring of 40 of another oscillator makes 61 steps in the first case and 2044 in the second,
    with fifteen updates of the reach.
    """
    moving = motion(engine, potential, np.ones((1, 4)))
    moving.hold(potential.vector(stiffness=[40.0, 0, 0, 0], bias=[0, -1.0, -1.0, 0]), duration)
    np.testing.assert_allclose(moving.positions()[0, 1:3], 1 + duration, rtol=1e-4)


def test_the_reach_is_the_largest_of_real_copies(engine):
    start = np.array([[0.5, -2.0, 0.0, 1.0], [-0.25, 1.0, 0.0, -3.0]])
    copies = engine.release(start, RandomStreams(0).next())
    np.testing.assert_array_equal(copies.reach(), [0.5, 2.0, 0.0, 3.0])


def test_positions_survive_being_put_in_blocks(engine):
    start = np.random.default_rng(0).normal(size=(130, 4)).astype(np.float32)
    copies = engine.release(start, RandomStreams(0).next())
    np.testing.assert_array_equal(copies.positions(), start)


def test_a_record_that_would_not_fit_is_refused():
    with pytest.raises(InvalidInput, match="takes more than 4 GiB; record less often"):
        record_times(3.0, 1e-6, bytes_each=64 * 1000)


@pytest.mark.parametrize("every", [0.1, 0.3, 1 / 3, 0.7, 3.0, 5.0])
def test_records_start_and_end_and_never_twice(every):
    times = record_times(3.0, every, bytes_each=4)
    assert times[0] == 0.0
    assert times[-1] == 3.0
    steps = np.diff(times)
    assert (steps > 0.5 * min(every, 3.0) * 1e-3).all()
    np.testing.assert_allclose(steps[:-1], every)


def test_a_protocol_of_another_potential_is_refused(potential):
    other = Potential(lattice(2, 2, 1.0), ["stiffness"])
    protocol = Protocol(other, geometric(1, 0.1, 0.2), np.ones((2, 4)))
    with pytest.raises(InvalidInput, match="the protocol has 4 parameters, device sim has 16"):
        SimulatedArray(potential).play(protocol, copies=1)


def test_a_noising_potential_outside_the_box_is_refused_before_anything_moves(potential):
    settings = SimulatedArray.Settings(ranges={"stiffness": (2.0, 9.0)})
    array = SimulatedArray(potential, settings=settings)
    theta = potential.vector(stiffness=3.0)
    protocol = Protocol(potential, geometric(1, 0.1, 0.2), np.stack([theta] * 2))
    before = array.save_state()
    with pytest.raises(OutOfBox, match=r"stiffness\[0\] is 1, outside its range 2 to 9"):
        array.play(protocol, copies=3)
    assert array.save_state() == before
    assert array.play(protocol, initial=np.zeros((3, 4))).final.shape == (3, 4)


def test_recording_covers_the_edges_of_slices(potential):
    """At an edge the position is recorded before the drive switches, once."""
    theta = potential.vector(stiffness=1.0)
    protocol = Protocol(potential, geometric(2, 0.1, 0.4), np.stack([theta] * 3))
    edge = protocol.stairs().durations[0]
    trajectory = SimulatedArray(potential).play(protocol, copies=2, record_every=float(edge))
    np.testing.assert_allclose(trajectory.times, [0.0, 0.2, 0.3])
