"""The description of an array, and refusals that follow from it."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.arrays import ArrayDescription, Capability, Identity, OscillatorArray, SavedState
from oscilab.errors import CannotDo, InvalidInput, OutOfBox, OutOfClamp
from oscilab.physics import ParameterBox, Potential, lattice
from oscilab_sim.array import SimulatedArray

POTENTIAL = Potential(lattice(1, 3, 1), ["bias", "stiffness", "cubic", "quartic", "coupling"])
CLAMPS = np.array([-1.0, -2.0, -0.5]), np.array([1.0, 2.0, 4.0])


def described(*capabilities, name="rack7"):
    return ArrayDescription(
        potential=POTENTIAL,
        box=ParameterBox.of_ranges(POTENTIAL, {"stiffness": (-3, 8)}),
        clamp_lower=CLAMPS[0],
        clamp_upper=CLAMPS[1],
        capabilities=frozenset(capabilities),
        identity=Identity(name=name, kind="wired"),
    )


def test_what_is_offered():
    found = described(Capability.CLAMP, Capability.FORCE_READOUT)
    assert found.offers()
    assert found.offers(Capability.CLAMP)
    assert found.offers(Capability.FORCE_READOUT, Capability.CLAMP)
    assert not found.offers(Capability.CLAMP, Capability.PLAY)
    assert not described().offers(Capability.CLAMP)


def test_what_is_there_may_be_required():
    found = described(Capability.CLAMP, Capability.RELEASE)
    found.require(purpose="nothing")
    found.require(Capability.RELEASE, Capability.CLAMP, purpose="the displacement rule")


def test_what_is_missing_is_named_with_purpose_device_and_offer():
    found = described(Capability.RELEASE, Capability.CLAMP)
    with pytest.raises(CannotDo) as caught:
        found.require(
            Capability.CLAMP, Capability.FORCE_READOUT, Capability.PLAY, purpose="force matching"
        )
    assert str(caught.value) == (
        "force matching needs force_readout, play, which device rack7 lacks; it offers clamp, "
        "release"
    )
    with pytest.raises(CannotDo, match="which device rack7 lacks; it offers nothing"):
        described().require(Capability.CLAMP, purpose="the denoised readout")


def test_capabilities_are_one_vocabulary():
    assert {capability.value for capability in Capability} == {
        "force_readout", "clamp", "release", "play", "hardware_timed", "saved_state"
    }  # fmt: skip
    assert Capability("clamp") is Capability.CLAMP


def test_units_are_the_devices_own_unless_said():
    found = described()
    assert (found.time_scale, found.temperature) == (1.0, 1.0)
    assert found.identity.simulated
    assert (found.identity.serial, found.identity.details) == ("", {})


def test_set_points_within_reach_are_taken_as_they_are():
    points = np.array([CLAMPS[0], CLAMPS[1], [0, 0, 0]])
    found = described().check_set_points(points.tolist())
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, points)
    assert described().check_set_points(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("row", "column", "value", "words"),
    [
        (
            0,
            0,
            1.0625,
            "set-point 0 of oscillator 0 is 1.0625, outside the clamp's -1 to 1; redraw",
        ),
        (2, 1, -2.5, "set-point 2 of oscillator 1 is -2.5, outside the clamp's -2 to 2"),
        (1, 2, -0.75, "set-point 1 of oscillator 2 is -0.75, outside the clamp's -0.5 to 4"),
        (1, 2, np.nan, "set-point 1 of oscillator 2 is nan, outside the clamp's -0.5 to 4"),
        (2, 0, np.inf, "set-point 2 of oscillator 0 is inf, outside the clamp's -1 to 1"),
        (2, 0, -np.inf, "set-point 2 of oscillator 0 is -inf, outside the clamp's -1 to 1"),
    ],
)
def test_a_set_point_out_of_reach_is_refused_never_clipped(row, column, value, words):
    points = np.zeros((3, 3))
    points[row, column] = value
    with pytest.raises(OutOfClamp) as caught:
        described().check_set_points(points)
    assert words in str(caught.value)


def test_the_first_of_several_is_named():
    points = np.zeros((4, 3))
    points[1, 2] = points[2, 0] = 9
    with pytest.raises(OutOfClamp, match="set-point 1 of oscillator 2 is 9"):
        described().check_set_points(points)


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 4), (2, 3, 3), ()])
def test_set_points_of_another_shape(shape):
    with pytest.raises(InvalidInput) as caught:
        described().check_set_points(np.zeros(shape))
    assert str(caught.value) == (f"set-points have shape {shape}; device rack7 needs [batch, 3]")


def test_parameters_that_serve():
    theta = POTENTIAL.vector(bias=1, stiffness=8, quartic=0.5, cubic=-3, coupling=2)
    found = described().check_parameters(theta.tolist())
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, theta)


@pytest.mark.parametrize(
    ("families", "words"),
    [
        ({"stiffness": [1, 8.5, 1]}, "parameter stiffness[1] is 8.5, outside its range -3 to 8;"),
        ({"stiffness": [1, 1, np.nan]}, "parameter stiffness[2] is nan; every parameter must be"),
        ({"stiffness": [1, 1, -1]}, "oscillator 2 could escape to infinity: its quartic lacks "),
        ({"stiffness": 1, "cubic": [0, 1, 0]}, "oscillator 1 could escape to infinity: its quart"),
    ],
)
def test_parameters_that_cannot_be_driven(families, words):
    with pytest.raises(OutOfBox) as caught:
        described().check_parameters(POTENTIAL.vector(**families))
    assert words in str(caught.value)


def test_parameters_of_another_length():
    with pytest.raises(OutOfBox, match=r"has shape \(3,\), the potential needs \(14,\)"):
        described().check_parameters([1, 2, 3])


def test_the_seam_is_told_by_its_verbs():
    array = SimulatedArray(POTENTIAL)
    assert isinstance(array, OscillatorArray)
    assert isinstance(array, SavedState)

    class Half:
        description = described()

        def measure_forces(self, parameters, positions): ...

    assert not isinstance(Half(), OscillatorArray)
    assert not isinstance(Half(), SavedState)
