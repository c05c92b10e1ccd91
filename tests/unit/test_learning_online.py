"""Online learning corrects after every measurement, and moves as far per batch as a batch does."""

import numpy as np
import pytest

from oscilab.arrays import ForceReading, PositionReading
from oscilab.arrays.readings import joined
from oscilab.learning.measurement import PointSource, Sampling
from oscilab.learning.optimisers import optimiser_named
from oscilab.learning.rules import RULES
from oscilab.learning.training import Rate, Training
from oscilab.physics import Noising, Potential, geometric, lattice
from oscilab_sim.array import SimulatedArray

POTENTIAL = Potential(lattice(1, 2, 1.0), ["bias", "stiffness", "quartic", "coupling"])
BATCH = 16


def training(rule, online=True, steps=4):
    bound = np.full(2, 6.0)
    schedule = geometric(2, 0.05, 3.0)
    return Training(
        array=SimulatedArray(POTENTIAL, seed=1),
        rule=RULES[rule],
        schedule=schedule,
        points=PointSource(np.array([[1.0, 0.5], [-1.0, -0.5]]), Noising(), -bound, bound),
        sampling=Sampling(BATCH, np.random.default_rng(0)),
        optimiser=optimiser_named("sgd", 3, POTENTIAL.parameters, BATCH if online else 1),
        rate=Rate(0.1, 0.01, steps),
        online=online,
    )


class Counting:
    """An optimiser that counts its steps."""

    def __init__(self, inner):
        self.inner, self.steps = inner, []

    def step(self, node, gradient, curvature, rate):
        self.steps.append(node)
        return self.inner.step(node, gradient, curvature, rate)


@pytest.mark.parametrize("rule", RULES)
def test_parameters_are_corrected_after_every_measurement(rule):
    learning = training(rule)
    learning.optimiser = Counting(learning.optimiser)
    learning.measure_all()
    assert learning.optimiser.steps == [0, 1, 2]
    learning.optimiser.steps.clear()
    measured = learning.measure_all()
    assert learning.optimiser.steps == [0] * BATCH + [1] * BATCH + [2] * BATCH
    box = learning.array.description.box
    assert (learning.parameters >= box.lower).all()
    assert (learning.parameters <= box.upper).all()
    for each in measured:
        assert each.reading.set_points.shape == (BATCH, 2)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_batch_of_corrections_comes_as_far_as_one(name):
    """Under a constant gradient, in the steady state; adam's steps scale with one over the root."""
    whole, parts = optimiser_named(name, 1, 1), optimiser_named(name, 1, 1, BATCH)
    gradient, curvature = np.ones(1), np.full(1, 4.0)
    for _ in range(200):
        far = whole.step(0, gradient, curvature, 0.1)
        steps = [parts.step(0, gradient, curvature, 0.1) for _ in range(BATCH)]
    expected = far if name == "sgd" else far * np.sqrt(BATCH)
    assert np.sum(steps, axis=0) == pytest.approx(expected, rel=1e-6)


def test_readings_are_joined_in_order():
    one, two = (ForceReading(*np.full((3, 1, 2), value)) for value in (1.0, 2.0))
    assert joined([one, two]).forces.tolist() == [[1.0, 1.0], [2.0, 2.0]]
    moved = PositionReading(*np.zeros((3, 1, 2)), duration=0.3)
    assert joined([moved, moved]).duration == 0.3
    assert joined([moved, moved]).end.shape == (2, 2)
    assert joined([one]) is one


def test_a_single_mean_is_shared_with_batch_learning():
    """The mean over the last steps is updated once per batch, online or not."""
    learning = training("force-matching", steps=2)
    for _ in range(2):
        learning.measure_all()
    assert np.array_equal(learning.learned(), learning.parameters)
