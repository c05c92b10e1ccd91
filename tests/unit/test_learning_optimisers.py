"""Optimisers are local, resumable, and independent of a parameter's scale."""

import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab.learning.optimisers import optimiser_named
from oscilab.learning.training import Rate


def descend(name, scales, steps=400, rate=0.1):
    """Minimise the sum of s (theta - 1)^2 / 2 without noise."""
    optimiser = optimiser_named(name, 1, len(scales))
    theta = np.zeros(len(scales))
    schedule = Rate(rate, rate * 1e-3, steps)
    for step in range(steps):
        theta = theta + optimiser.step(0, scales * (theta - 1), scales, schedule.at(step))
    return theta


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_scales_of_curvature_do_not_matter(name):
    # sgd is exactly invariant; adam works in units of theta sqrt(h), so these are its targets.
    scales = np.array([1e-2, 1.0, 1e2])
    if name == "sgd":
        assert descend(name, scales) == pytest.approx(1.0, abs=1e-6)
    else:
        targets = 1 / np.sqrt(scales)
        optimiser = optimiser_named(name, 1, 3)
        theta = np.zeros(3)
        schedule = Rate(0.1, 1e-5, 600)
        for step in range(600):
            change = optimiser.step(0, scales * (theta - targets), scales, schedule.at(step))
            theta = theta + change
        assert theta / targets == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_each_parameter_and_node_keeps_its_own_state(name):
    rng = np.random.default_rng(0)
    whole = optimiser_named(name, 2, 3)
    alone = optimiser_named(name, 1, 1)
    for _ in range(20):
        gradient, curvature = rng.standard_normal(3), rng.random(3)
        together = whole.step(1, gradient, curvature, 0.1)
        by_itself = alone.step(0, gradient[2:], curvature[2:], 0.1)
        assert together[2] == by_itself[0]
        whole.step(0, rng.standard_normal(3), rng.random(3), 0.1)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_restored_state_continues_bit_for_bit(name):
    rng = np.random.default_rng(1)
    first = optimiser_named(name, 1, 4)
    for _ in range(5):
        first.step(0, rng.standard_normal(4), rng.random(4), 0.1)
    second = optimiser_named(name, 1, 4)
    for key, value in second.state.items():
        value[...] = first.state[key]
    gradient, curvature = rng.standard_normal(4), rng.random(4)
    expected = first.step(0, gradient, curvature, 0.1)
    assert second.step(0, gradient, curvature, 0.1).tobytes() == expected.tobytes()


def test_rate_falls_from_first_to_last():
    rate = Rate(0.2, 0.01, 10)
    assert rate.at(0) == pytest.approx(0.2)
    assert rate.at(5) == pytest.approx(0.105)
    assert rate.at(10) == pytest.approx(0.01)
    assert rate.at(99) == pytest.approx(0.01)


def test_unknown_optimiser_is_refused():
    with pytest.raises(InvalidInput, match="unknown optimiser 'newton'; the optimisers are adam"):
        optimiser_named("newton", 1, 1)


def test_momentum_adds_up():
    """g / h = 1/2 at a rate of 0.1: 0.05, then 0.9 of that and 0.05 more, and once again."""
    optimiser = optimiser_named("sgd", 1, 1)
    steps = [optimiser.step(0, np.array([2.0]), np.array([4.0]), 0.1)[0] for _ in range(3)]
    assert steps == pytest.approx([-0.05, -0.095, -0.1355])
