"""Settings of a simulated array in a bench file, and their effects."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.arrays import Capability
from oscilab.bench import Device
from oscilab.bench.schema import DeviceTable
from oscilab.errors import InvalidInput, OutOfBox, OutOfClamp
from oscilab.physics import Potential, Protocol, geometric, lattice
from oscilab_sim.array import SimulatedArray


@pytest.fixture
def potential():
    return Potential(lattice(1, 2, 1.0), ["bias", "stiffness", "quartic", "coupling"])


def from_bench(potential, **settings):
    device = Device("bench7", DeviceTable(array="simulated", settings=settings))
    return SimulatedArray.from_device(device, potential, 0)


def test_identity_and_capabilities(potential):
    description = from_bench(potential).description
    assert description.identity.name == "bench7"
    assert description.identity.kind == "simulated"
    assert description.identity.simulated
    assert description.capabilities == set(Capability) - {Capability.HARDWARE_TIMED}
    assert description.time_scale == description.temperature == 1.0


def test_clamp_is_a_bound_on_both_sides(potential):
    array = from_bench(potential, clamp=2.5)
    np.testing.assert_array_equal(array.description.clamp_lower, [-2.5, -2.5])
    np.testing.assert_array_equal(array.description.clamp_upper, [2.5, 2.5])
    with pytest.raises(OutOfClamp, match=r"is 3, outside the clamp's -2\.5 to 2\.5"):
        array.measure_forces(potential.vector(stiffness=1.0), [[0.0, 3.0]])


def test_ranges_replace_whole_families(potential):
    array = from_bench(potential, ranges={"stiffness": [0, 5]})
    array.description.check_parameters(potential.vector(stiffness=5.0, bias=99.0))
    with pytest.raises(OutOfBox, match=r"stiffness\[0\] is 5\.5"):
        array.description.check_parameters(potential.vector(stiffness=5.5))


def test_temperature_is_the_baths(potential):
    array = from_bench(potential, temperature=0.25)
    assert array.description.temperature == 0.25
    end = array.relax(potential.vector(stiffness=1.0), np.zeros((4000, 2)), 6.0).end
    # Five sampling errors and the scheme's own percent: false-alarm rate 6e-7.
    assert abs(end.var() / 0.25 - 1) < 5 * np.sqrt(2 / end.size) + 0.015


def test_without_a_bath_motion_is_deterministic(potential):
    array = from_bench(potential, temperature=0)
    end = array.relax(potential.vector(stiffness=1.0), np.ones((3, 2)), 1.0).end
    np.testing.assert_allclose(end, np.exp(-1.0), rtol=0.011)
    assert (end == end[0]).all()


def test_a_warmer_bath_is_prepared_in_a_stiffer_trap(potential):
    """x_T has unit variance at any temperature that the noising knows of.

    Five sampling errors and the scheme's own percent: false-alarm rate 6e-7.
    """
    from oscilab.physics import Noising

    array = from_bench(potential, temperature=4.0)
    settings = np.stack([potential.vector(stiffness=1.0)] * 2)
    protocol = Protocol(potential, geometric(1, 0.1, 0.2), settings, Noising(temperature=4.0))
    initial = array.play(protocol, copies=4000).initial
    assert abs(initial.var() - 1) < 5 * np.sqrt(2 / initial.size) + 0.015


def test_averaged_forces_carry_the_baths_noise(potential):
    """Variance 2 T / t and no correlation, to 5 sampling errors: false-alarm rate 2e-6."""
    array = from_bench(potential, temperature=2.0, averaging_time=8.0)
    points = np.tile([0.5, -1.0], (20000, 1))
    reading = array.measure_forces(potential.vector(stiffness=1.0), points)
    noise = reading.forces + points
    expected = 2 * 2.0 / 8.0
    assert (np.abs(noise.mean(axis=0)) < 5 * np.sqrt(expected / len(noise))).all()
    error = 5 * expected * np.sqrt(2 / len(noise))
    assert (np.abs(np.cov(noise.T) - expected * np.eye(2)) < error).all()


def test_forces_are_free_of_noise_by_default(potential):
    array = from_bench(potential)
    before = array.save_state()
    first, second = (
        array.measure_forces(potential.vector(stiffness=1.0), [[0.1, 0.2]]).forces for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert array.save_state() == before


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"clamps": 3}, "bench7 has the unknown setting clamps; a simulated array takes clamp,"),
        ({"clamp": 0}, "bench7: setting clamp = 0 cannot be used"),
        ({"clamp": float("inf")}, "clamp = inf"),
        ({"temperature": -1}, "temperature = -1"),
        ({"averaging_time": 0}, "averaging_time = 0"),
        ({"threads": 0}, "threads = 0"),
        ({"step_fraction": 0.6}, "step_fraction = 0.6"),
        ({"engine": "cuda"}, "engine = 'cuda'"),
        ({"ranges": {"stiffness": [1]}}, "ranges.stiffness"),
        ({"ranges": {"stiffnes": [0, 1]}}, "no term stiffnes"),
        ({"ranges": {"stiffness": [1, 0]}}, "range of stiffness is 1 to 0; give the low end first"),
    ],
)
def test_a_bad_setting_is_one_sentence(potential, settings, complaint):
    with pytest.raises(InvalidInput) as caught:
        from_bench(potential, **settings)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
