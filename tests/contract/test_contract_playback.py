"""Playing a protocol: times, starts, records, work and heat."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.arrays import Capability
from oscilab.physics import Protocol, geometric

SIGMAS = 5.0
"""Sampling errors allowed; a right array fails one comparison in 2e6."""
CLOCK = 1e-4
"""Times are those of the sample clock that there was, which a timebase rounds."""


@pytest.fixture(autouse=True)
def _needs(need):
    need(Capability.PLAY)


@pytest.fixture
def protocol(array):
    """Stiffness falls from 3 at the start to 1 at the end, over 0.9 of time."""
    return springs(array, [1.0, 2.0, 3.0])


def springs(array, stiffness, interpolation="constant"):
    potential = array.description.potential
    slices = len(stiffness) if interpolation == "constant" else len(stiffness) - 1
    schedule = geometric(slices, 0.1, 1.0, interpolation)
    nodes = [1.0, *stiffness] if interpolation == "constant" else stiffness
    settings = np.stack([potential.vector(stiffness=value) for value in nodes])
    return Protocol(potential, schedule, settings)


def test_records_the_start_and_the_end(array, protocol):
    trajectory = array.play(protocol, copies=3)
    np.testing.assert_allclose(trajectory.times, [0.0, 0.9], rtol=CLOCK)
    assert trajectory.positions.shape == (3, 2, 2)
    assert np.isfinite(trajectory.positions).all()
    np.testing.assert_array_equal(trajectory.initial, trajectory.positions[:, 0])
    np.testing.assert_array_equal(trajectory.final, trajectory.positions[:, -1])


def test_records_in_between_when_asked(array, protocol):
    trajectory = array.play(protocol, copies=2, record_every=0.25)
    np.testing.assert_allclose(trajectory.times, [0.0, 0.25, 0.5, 0.75, 0.9], rtol=CLOCK)
    assert trajectory.positions.shape == (2, 5, 2)


def test_an_interval_that_divides_the_duration_records_its_end_once(array, protocol):
    trajectory = array.play(protocol, copies=2, record_every=protocol.duration / 3)
    np.testing.assert_allclose(trajectory.times, [0.0, 0.3, 0.6, 0.9], rtol=CLOCK)


def test_a_longer_interval_records_start_and_end_alone(array, protocol):
    assert len(array.play(protocol, copies=2, record_every=10.0).times) == 2


def test_starts_where_told(rig, protocol):
    initial = np.array([[1.0, -1.0], [0.5, 2.0]])
    trajectory = rig.array.play(protocol, initial=initial)
    np.testing.assert_allclose(trajectory.initial, initial, atol=rig.position_error, rtol=0)


def test_plays_the_last_node_first(rig):
    """The slice of least noising time comes last, and is long enough to forget the other.

    Its bias of -5 in a spring of 5 pulls to +1. To 5 sampling errors: false-alarm rate 1e-6.
    """
    potential = rig.array.description.potential
    first = potential.vector(bias=5.0, stiffness=5.0)
    last = potential.vector(bias=-5.0, stiffness=5.0)
    schedule = geometric(2, 1.0, 9.0)
    protocol = Protocol(potential, schedule, np.stack([last, last, first]))
    final = rig.array.play(protocol, copies=rig.batch // 4).final
    temperature = rig.array.description.temperature
    error = SIGMAS * np.sqrt(temperature / 5 / len(final)) + rig.model_error
    assert (np.abs(final.mean(axis=0) - 1.0) < error).all()


def test_thermal_starts_are_unit_normals(rig, protocol):
    """Mean 0, variance 1, uncorrelated: x_T of the noising, to 5 sampling errors.

    False-alarm rate 3e-6 over its five comparisons; random, unless the array is simulated.
    """
    initial = rig.array.play(protocol, copies=rig.batch).initial
    temperature = rig.array.description.temperature
    assert (np.abs(initial.mean(axis=0)) < SIGMAS * np.sqrt(temperature / rig.batch)).all()
    moments = initial.T @ initial / rig.batch
    error = SIGMAS * np.sqrt(2 / rig.batch) + rig.model_error
    assert (np.abs(moments - temperature * np.eye(2)) < error * temperature).all()


@pytest.mark.parametrize("interpolation", ["constant", "linear"])
def test_final_variance_follows_the_springs(rig, interpolation):
    """v' = T/k + (v - T/k) exp(-2 k t) from slice to slice, to 5 sampling errors.

    False-alarm rate 1e-6 over its two comparisons; random, unless the array is simulated.
    """
    protocol = springs(rig.array, [1.0, 4.0, 9.0], interpolation)
    temperature = rig.array.description.temperature
    where = protocol.potential.family("stiffness").where.start
    variance = 0.0
    stairs = protocol.stairs()
    for duration, parameters in zip(stairs.durations, stairs.parameters, strict=True):
        rest = temperature / parameters[where]
        variance = rest + (variance - rest) * np.exp(-2 * parameters[where] * duration)
    final = rig.array.play(protocol, initial=np.zeros((rig.batch, 2))).final
    error = (SIGMAS * np.sqrt(2 / rig.batch) + rig.model_error) * variance
    assert (np.abs(final.var(axis=0) - variance) < error).all()


def test_energy_is_conserved_where_work_and_heat_are_told(rig, protocol):
    """Work minus heat is the energy gained; it telescopes, so this only checks the bookkeeping."""
    trajectory = rig.array.play(protocol, copies=5, record_every=0.2)
    if trajectory.work is None or trajectory.heat is None:
        pytest.skip(f"{rig.array.description.identity.name} tells no work and heat")
    stairs = protocol.stairs()
    start = protocol.potential.energy(stairs.parameters[0], trajectory.initial)
    end = protocol.potential.energy(stairs.parameters[-1], trajectory.final)
    gained = trajectory.work - trajectory.heat
    assert trajectory.work.shape == trajectory.heat.shape == (5,)
    np.testing.assert_allclose(gained, end - start, atol=max(1e-5, rig.position_error))


def test_no_work_is_done_where_nothing_switches(rig):
    trajectory = rig.array.play(springs(rig.array, [2.0]), copies=3)
    if trajectory.work is None:
        pytest.skip(f"{rig.array.description.identity.name} tells no work")
    np.testing.assert_array_equal(trajectory.work, np.zeros(3))
