"""Saving and restoring an array's random state, so that a run resumes exactly."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.arrays import Capability
from oscilab.errors import InvalidInput
from oscilab.physics import Protocol, geometric


@pytest.fixture(autouse=True)
def _needs(need):
    need(Capability.SAVED_STATE, Capability.RELEASE, Capability.PLAY)


def readings(array):
    potential = array.description.potential
    theta = potential.vector(stiffness=1.5, quartic=0.2, coupling=0.3)
    protocol = Protocol(potential, geometric(2, 0.1, 0.4), np.stack([theta] * 3))
    trajectory = array.play(protocol, copies=70, record_every=0.1)
    return [
        array.measure_forces(theta, np.ones((5, 2))).forces,
        array.relax(theta, np.zeros((65, 2)), 0.3).end,
        trajectory.positions,
        trajectory.work,
        trajectory.heat,
        array.relax(theta, np.zeros((3, 2)), 0.3).end,
    ]


def test_continues_bit_for_bit(array):
    readings(array)
    state = array.save_state()
    expected = readings(array)
    readings(array)
    array.restore_state(state)
    for first, second in zip(expected, readings(array), strict=True):
        np.testing.assert_array_equal(first, second)


def test_takes_a_fixed_number_of_bytes(array):
    before = array.save_state()
    readings(array)
    after = array.save_state()
    assert isinstance(after, bytes)
    assert len(before) == len(after)
    assert before != after


def test_saving_changes_nothing(array):
    assert array.save_state() == array.save_state()


@pytest.mark.parametrize("state", [b"", b"x" * 28, b"x" * 1000])
def test_another_things_state_is_refused(array, state):
    before = array.save_state()
    with pytest.raises(InvalidInput, match="state"):
        array.restore_state(state)
    assert array.save_state() == before
