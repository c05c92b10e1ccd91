"""Readings have set-points and measured values."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from oscilab.arrays import ForceReading, PositionReading, Trajectory


def test_a_trajectory_begins_and_ends_with_its_readouts():
    positions = np.arange(24.0).reshape(2, 4, 3)
    found = Trajectory(np.arange(4.0), positions, work=None, heat=None)
    np.testing.assert_array_equal(found.initial, [[0, 1, 2], [12, 13, 14]])
    np.testing.assert_array_equal(found.final, [[9, 10, 11], [21, 22, 23]])


def test_one_instant_is_both_ends():
    found = Trajectory(np.zeros(1), np.ones((5, 1, 2)), work=np.zeros(5), heat=np.zeros(5))
    np.testing.assert_array_equal(found.initial, found.final)
    assert found.final.shape == (5, 2)


@pytest.mark.parametrize(
    "reading",
    [
        ForceReading(np.zeros((1, 2)), np.ones((1, 2)), np.ones((1, 2))),
        PositionReading(np.zeros((1, 2)), np.ones((1, 2)), np.ones((1, 2)), 0.5),
        Trajectory(np.zeros(1), np.zeros((1, 1, 2)), None, None),
    ],
)
def test_what_was_read_is_not_replaced(reading):
    for field in dataclasses.fields(reading):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(reading, field.name, None)
