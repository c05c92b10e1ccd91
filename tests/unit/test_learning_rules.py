"""The rules, and refusals by arrays that cannot run them."""

from dataclasses import replace

import numpy as np
import pytest

from oscilab.arrays import Capability
from oscilab.errors import CannotDo, DeviceFailed, InvalidInput
from oscilab.learning.measurement import PointSource, Sampling
from oscilab.learning.optimisers import optimiser_named
from oscilab.learning.rules import RULES, rule_for
from oscilab.learning.training import Rate, Training
from oscilab.physics import Noising, Potential, geometric, lattice
from oscilab_sim.array import SimulatedArray

POTENTIAL = Potential(lattice(1, 2, 1.0), ["bias", "stiffness", "quartic", "coupling"])


def training_on(array, steps=5):
    bound = np.full(2, 6.0)
    schedule = geometric(3, 0.05, 3.0)
    return Training(
        array=array,
        rule=RULES["force-matching"],
        schedule=schedule,
        points=PointSource(np.array([[1.0, 0.5], [-1.0, -0.5]]), Noising(), -bound, bound),
        sampling=Sampling(64, np.random.default_rng(0)),
        optimiser=optimiser_named("adam", len(schedule.nodes), POTENTIAL.parameters),
        rate=Rate(0.1, 0.001, steps),
    )


def test_unknown_rule_lists_the_known():
    with pytest.raises(InvalidInput, match="unknown rule 'hebb'; the rules are force-matching"):
        rule_for("hebb", SimulatedArray(POTENTIAL).description)


def test_rule_that_the_array_cannot_run_is_refused_with_what_would_work():
    description = SimulatedArray(POTENTIAL).description
    blind = replace(description, capabilities=description.capabilities - {Capability.FORCE_READOUT})
    able = "cd1, displacement, reverse-path-displacement"
    for name in ("force-matching", "reverse-path"):
        with pytest.raises(CannotDo, match=rf"needs force_readout.*rules that would work: {able}$"):
            rule_for(name, blind)
    stiff = replace(description, capabilities=description.capabilities - {Capability.RELEASE})
    for name in ("cd1", "displacement", "reverse-path", "reverse-path-displacement"):
        with pytest.raises(
            CannotDo, match=r"needs release.*rules that would work: force-matching$"
        ):
            rule_for(name, stiff)
    numb = replace(blind, capabilities=blind.capabilities - {Capability.RELEASE})
    with pytest.raises(CannotDo, match="rules that would work: none"):
        rule_for("cd1", numb)


def test_rules_that_learn_from_thermal_motion_are_refused_without_any():
    cold = SimulatedArray(POTENTIAL, settings=SimulatedArray.Settings(temperature=0.0)).description
    for name in ("cd1", "reverse-path"):
        with pytest.raises(CannotDo, match=r"thermal motion.*work: force-matching, displacement$"):
            rule_for(name, cold)
    assert rule_for("displacement", cold).name == "displacement"


def test_a_step_corrects_every_node_and_stays_in_the_box():
    training = training_on(SimulatedArray(POTENTIAL, seed=1))
    before = training.parameters.copy()
    for _ in range(5):
        measured = training.measure_all()
    box = training.array.description.box
    assert [each.node for each in measured] == [0, 1, 2, 3]
    assert (training.parameters != before).any(axis=1).all()
    assert (training.parameters >= box.lower).all()
    assert (training.parameters <= box.upper).all()
    assert training.step == 5


def test_what_is_learned_is_the_mean_over_the_last_steps():
    training = training_on(SimulatedArray(POTENTIAL, seed=1), steps=6)
    assert np.array_equal(training.learned(), training.parameters)
    kept = []
    for _ in range(6):
        training.measure_all()
        kept.append(training.parameters.copy())
    assert training.learned() == pytest.approx(np.mean(kept[3:], axis=0), rel=1e-12)


def test_a_reading_that_is_not_finite_stops_training_and_changes_nothing():
    array = SimulatedArray(POTENTIAL, seed=1)

    class Broken:
        description = array.description

        def measure_forces(self, parameters, positions):
            reading = array.measure_forces(parameters, positions)
            reading.forces[3, 1] = np.nan
            return reading

    training = training_on(Broken())
    before = training.parameters.copy()
    with pytest.raises(DeviceFailed, match=r"not finite at noising time 0\.05"):
        training.measure_all()
    assert np.array_equal(training.parameters, before)
