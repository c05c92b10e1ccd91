"""What an array says about itself, and that it keeps to it."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.arrays import Capability, OscillatorArray, SavedState
from oscilab.errors import CannotDo
from oscilab.physics import Protocol, geometric


def test_is_an_array(array):
    assert isinstance(array, OscillatorArray)


def test_names_itself(array):
    identity = array.description.identity
    assert identity.name
    assert identity.kind
    assert isinstance(identity.simulated, bool)


def test_states_bounds_and_scales(array):
    description = array.description
    oscillators = description.potential.oscillators
    assert description.clamp_lower.shape == description.clamp_upper.shape == (oscillators,)
    assert (description.clamp_lower < description.clamp_upper).all()
    assert description.box.lower.shape == (description.potential.parameters,)
    assert description.time_scale > 0
    assert description.temperature >= 0


def test_capabilities_are_of_the_vocabulary(array):
    assert array.description.capabilities <= set(Capability)


def test_saved_state_is_claimed_exactly_where_it_is_offered(array):
    claimed = Capability.SAVED_STATE in array.description.capabilities
    assert claimed == isinstance(array, SavedState)


@pytest.mark.parametrize("capability", list(Capability))
def test_a_purpose_is_refused_exactly_where_its_need_is_lacking(array, capability):
    description = array.description
    if capability in description.capabilities:
        description.require(capability, purpose="this rule")
    else:
        with pytest.raises(CannotDo, match=f"this rule needs {capability.value}"):
            description.require(capability, purpose="this rule")


def test_what_is_lacking_is_refused_when_asked_for(array):
    potential = array.description.potential
    theta, still = potential.vector(stiffness=1.0), np.zeros((1, potential.oscillators))
    schedule = geometric(1, 0.1, 0.2)
    protocol = Protocol(potential, schedule, np.stack([theta] * len(schedule.nodes)))
    calls = {
        Capability.FORCE_READOUT: lambda: array.measure_forces(theta, still),
        Capability.RELEASE: lambda: array.relax(theta, still, 0.1),
        Capability.PLAY: lambda: array.play(protocol, initial=still),
    }
    lacking = [call for need, call in calls.items() if need not in array.description.capabilities]
    if not lacking:
        pytest.skip(f"{array.description.identity.name} can read forces, release and play")
    for call in lacking:
        with pytest.raises(CannotDo):
            call()


def test_make_safe_is_idempotent_and_leaves_the_array_usable(array, need):
    need(Capability.FORCE_READOUT)
    potential = array.description.potential
    array.make_safe()
    array.make_safe()
    theta, still = potential.vector(stiffness=1.0), np.zeros((1, potential.oscillators))
    assert array.measure_forces(theta, still).forces.shape == still.shape
    array.make_safe()
