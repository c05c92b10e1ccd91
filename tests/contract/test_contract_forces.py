"""Reading forces on clamped oscillators."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.arrays import Capability
from oscilab.physics import noising_parameters


@pytest.fixture(autouse=True)
def _needs(need):
    need(Capability.FORCE_READOUT, Capability.CLAMP)


@pytest.fixture
def theta(array):
    potential = array.description.potential
    return potential.vector(
        bias=[0.3, -0.4], stiffness=[2.0, -0.5], cubic=[0.2, -0.1], quartic=[0.5, 0.8], coupling=0.7
    )


@pytest.fixture
def points(array):
    generator = np.random.default_rng(3)
    description = array.description
    shape = (17, description.potential.oscillators)
    return generator.uniform(description.clamp_lower, description.clamp_upper, shape) / 2


def test_shapes_and_types(array, theta, points):
    reading = array.measure_forces(theta, points)
    for values in (reading.set_points, reading.positions, reading.forces):
        assert values.shape == points.shape
        assert np.issubdtype(values.dtype, np.floating)
        assert np.isfinite(values).all()


def test_set_points_are_echoed_and_positions_measured(rig, theta, points):
    reading = rig.array.measure_forces(theta, points)
    np.testing.assert_array_equal(reading.set_points, points)
    np.testing.assert_allclose(reading.positions, points, atol=rig.position_error, rtol=0)


def test_reading_does_not_share_the_callers_memory(array, theta, points):
    kept = points.copy()
    reading = array.measure_forces(theta, points)
    reading.forces[:] = reading.positions[:] = np.nan
    np.testing.assert_array_equal(points, kept)


def test_forces_are_minus_grad_u(rig, theta, points):
    x, y = points.T
    expected = -np.stack(
        [
            0.3 + 2.0 * x + 0.2 * x**2 + 0.5 * x**3 + 0.7 * y,
            -0.4 - 0.5 * y - 0.1 * y**2 + 0.8 * y**3 + 0.7 * x,
        ],
        axis=1,
    )
    forces = rig.array.measure_forces(theta, points).forces
    np.testing.assert_allclose(forces, expected, atol=rig.force_error, rtol=rig.force_error)


def test_force_in_the_noising_potential_is_a_unit_spring(rig, points):
    theta = noising_parameters(rig.array.description.potential)
    forces = rig.array.measure_forces(theta, points).forces
    np.testing.assert_allclose(forces, -points, atol=rig.force_error, rtol=rig.force_error)


def test_lists_serve_as_well_as_arrays(array, theta):
    reading = array.measure_forces(theta.tolist(), [[0.5, -0.5]])
    assert reading.forces.shape == (1, 2)


def test_an_empty_batch_reads_nothing(array, theta):
    assert array.measure_forces(theta, np.zeros((0, 2))).forces.shape == (0, 2)
