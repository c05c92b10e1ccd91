"""Slices of the noising time, and the nodes at which settings are learned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscilab.errors import InvalidInput
from oscilab.physics import Schedule, geometric


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 60), st.floats(1e-3, 0.5), st.floats(1.1, 1e3))
def test_edges_and_nodes_are_geometric(slices, t_min, ratio):
    t_max = t_min * ratio
    found = geometric(slices, t_min, t_max)
    assert (found.slices, found.t_min, found.t_max) == (slices, t_min, t_max)
    steps = found.edges[1:] / found.edges[:-1]
    np.testing.assert_allclose(steps, ratio ** (1 / slices), rtol=1e-9)
    nodes = found.nodes
    assert len(nodes) == slices + 1
    assert nodes[0] == t_min
    # The ratio of a node to its slice's start equals that of the end to the node.
    np.testing.assert_allclose(nodes[1:] / found.edges[:-1], found.edges[1:] / nodes[1:])


def test_a_schedule_that_is_known():
    found = geometric(2, 0.25, 4.0)
    np.testing.assert_allclose(found.edges, [0.25, 1, 4])
    np.testing.assert_allclose(found.nodes, [0.25, 0.5, 2])
    assert (found.interpolation, found.stretch) == ("constant", 1.0)


def test_a_linear_schedule_has_its_nodes_at_the_edges():
    found = geometric(2, 0.25, 4.0, "linear")
    np.testing.assert_allclose(found.nodes, [0.25, 1, 4])


def test_edges_may_be_uneven():
    found = Schedule(np.array([0.1, 0.4, 0.5]))
    np.testing.assert_allclose(found.nodes, [0.1, 0.2, 0.2**0.5])
    assert found.slices == 2


def test_durations_are_stretched_and_sped_up():
    found = Schedule(np.array([0.1, 0.4, 0.5]), stretch=3.0)
    np.testing.assert_allclose(found.durations(found.edges, 2.0), [0.45, 0.15])
    np.testing.assert_allclose(found.durations(found.edges, 1.0).sum(), 3 * 0.4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: geometric(0, 0.1, 1), "0 slices make no protocol; use 1 or more"),
        (lambda: geometric(-2, 0.1, 1), "-2 slices make no protocol"),
        (lambda: geometric(3, 0, 1), "must satisfy 0 < t_min < t_max, not 0, 1"),
        (lambda: geometric(3, 1.5, 1.5), "must satisfy 0 < t_min < t_max, not 1.5, 1.5"),
        (lambda: geometric(3, 0.1, np.inf), "must satisfy 0 < t_min < t_max, not 0.1, inf"),
        (lambda: geometric(3, np.nan, 1), "must satisfy 0 < t_min < t_max, not nan, 1"),
        (lambda: Schedule([0.5]), "needs two or more finite edges of noising time, not [0.5]"),
        (lambda: Schedule([[0.1, 1], [2, 3]]), "two or more finite edges of noising time, not [["),
        (lambda: Schedule([0.1, np.nan]), "two or more finite edges of noising time, not [0.1, na"),
        (lambda: Schedule([0.1, np.inf]), "two or more finite edges of noising time, not [0.1, in"),
        (lambda: Schedule([0.0, 1.0]), "must ascend from above zero; they are [0.0, 1.0]"),
        (lambda: Schedule([0.1, 1, 1]), "must ascend from above zero; they are [0.1, 1.0, 1.0]"),
        (lambda: Schedule([1, 0.1]), "must ascend from above zero; they are [1.0, 0.1]"),
        (lambda: geometric(3, 0.1, 1, stretch=0), "stretch is 0, but must be finite and above"),
        (lambda: geometric(3, 0.1, 1, stretch=-1), "stretch is -1, but must be finite and above"),
        (lambda: geometric(3, 0.1, 1, stretch=np.inf), "stretch is inf, but must be finite"),
        (lambda: geometric(3, 0.1, 1, stretch=np.nan), "stretch is nan, but must be finite"),
        (lambda: geometric(3, 0.1, 1, "cubic"), "interpolation 'cubic' is neither 'constant' nor"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert words in str(caught.value)
