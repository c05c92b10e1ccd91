"""The range of every drive parameter, and the projection onto it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from physics_cases import Cosine

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics import ParameterBox, Potential, all_to_all, from_edges

POTENTIAL = Potential(
    from_edges([[0, 1], [1, 2]], 3), ["bias", "stiffness", "quartic", "coupling", "quartic_spring"]
)
N = POTENTIAL.parameters
BOX = ParameterBox(POTENTIAL, -np.arange(1.0, N + 1), np.arange(N) / 2)
fixed = settings(max_examples=100, deadline=None, derandomize=True, database=None)
VECTORS = st.lists(st.floats(-20, 20), min_size=N, max_size=N).map(np.array)


@fixed
@given(VECTORS)
def test_the_projection_is_the_nearest_vector_inside(vector):
    kept = vector.copy()
    projected = BOX.project(vector)
    np.testing.assert_array_equal(BOX.check(projected), projected)
    np.testing.assert_array_equal(vector, kept)
    # The nearest point in a box differs only where a bound is exceeded, and lies on that bound.
    for value, found, low, high in zip(vector, projected, BOX.lower, BOX.upper, strict=True):
        assert found == min(max(value, low), high)


@fixed
@given(st.lists(st.floats(0, 1), min_size=N, max_size=N).map(np.array))
def test_what_is_inside_stays(share):
    vector = BOX.lower + share * (BOX.upper - BOX.lower)
    vector = np.minimum(vector, BOX.upper)
    np.testing.assert_array_equal(BOX.project(vector), vector)
    np.testing.assert_array_equal(BOX.check(vector), vector)


def test_bounds_themselves_are_inside():
    np.testing.assert_array_equal(BOX.check(BOX.lower), BOX.lower)
    np.testing.assert_array_equal(BOX.check(BOX.upper.tolist()), BOX.upper)


def test_ranges_by_family():
    box = ParameterBox.of_ranges(POTENTIAL, {"bias": (-1, 2), "coupling": (0.5, 0.5)})
    np.testing.assert_array_equal(
        box.lower, POTENTIAL.vector(bias=-1, stiffness=-200, coupling=0.5)
    )
    np.testing.assert_array_equal(
        box.upper,
        POTENTIAL.vector(bias=2, stiffness=200, quartic=100, coupling=0.5, quartic_spring=100),
    )


def test_default_ranges():
    """Stiffness includes 2 / sigma^2 - 1 of a constant pixel at t = 0.01; quartics confine."""
    box = ParameterBox.of_ranges(POTENTIAL)
    stiffness, quartic = (POTENTIAL.family(name).where for name in ("stiffness", "quartic"))
    assert box.upper[stiffness].min() > 2 / (1 - np.exp(-0.02)) - 1
    assert (box.lower[quartic] == 0).all()
    assert (box.lower[POTENTIAL.family("quartic_spring").where] == 0).all()
    own = Potential(POTENTIAL.topology, ["stiffness", Cosine()])
    assert ParameterBox.of_ranges(own).lower[own.family("cosine").where].tolist() == [-100, -100]
    assert ParameterBox.of_ranges(own, {"cosine": (0, 3)}).upper[-1] == 3


def test_a_range_of_a_term_that_is_left_out_is_no_mistake():
    box = ParameterBox.of_ranges(POTENTIAL, {"cubic": (-1, 1)})
    np.testing.assert_array_equal(box.upper, ParameterBox.of_ranges(POTENTIAL).upper)


def shifted(index, value):
    vector = np.zeros(N)
    vector[index] = value
    return vector


@pytest.mark.parametrize(
    ("error", "make", "words"),
    [
        (
            OutOfBox,
            lambda: BOX.check(shifted(4, 2.5)),
            "parameter stiffness[1] is 2.5, outside its range -5 to 2; widen the box or change",
        ),
        (
            OutOfBox,
            lambda: BOX.check(shifted(10, -11.5)),
            "parameter coupling[1,2] is -11.5, outside its range -11 to 5",
        ),
        (OutOfBox, lambda: BOX.check(shifted(2, np.nan)), "parameter bias[2] is nan; every param"),
        (OutOfBox, lambda: BOX.check(shifted(2, np.inf)), "parameter bias[2] is inf; every param"),
        (OutOfBox, lambda: BOX.check(np.zeros(3)), f"has shape (3,), the potential needs ({N},)"),
        (
            InvalidInput,
            lambda: ParameterBox(POTENTIAL, np.zeros(N), shifted(10, -2) + 1),
            "parameter coupling[1,2] has lower bound 0 above its upper bound -1; swap them",
        ),
        (
            InvalidInput,
            lambda: ParameterBox.of_ranges(POTENTIAL, {"quartic": (3, 2)}),
            "parameter quartic[0] has lower bound 3 above its upper bound 2; swap them",
        ),
        (
            InvalidInput,
            lambda: ParameterBox(POTENTIAL, np.zeros(2), np.ones(N)),
            f"the lower bounds of the parameter box have shape (2,); the potential needs ({N},)",
        ),
        (
            InvalidInput,
            lambda: ParameterBox(POTENTIAL, np.zeros(N), np.ones((1, N))),
            f"the upper bounds of the parameter box have shape (1, {N}); the potential needs",
        ),
        (
            InvalidInput,
            lambda: ParameterBox(POTENTIAL, shifted(3, -np.inf), np.ones(N)),
            "the lower bound of parameter stiffness[0] is -inf; give a finite number",
        ),
        (
            InvalidInput,
            lambda: ParameterBox(POTENTIAL, np.zeros(N), shifted(0, np.nan)),
            "the upper bound of parameter bias[0] is nan; give a finite number",
        ),
        (
            InvalidInput,
            lambda: ParameterBox.of_ranges(POTENTIAL, {"sextic": (0, 1)}),
            "the potential has no term sextic; it has bias, stiffness, quartic, coupling, quartic",
        ),
    ],
)
def test_what_cannot_be_is_refused(error, make, words):
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)


def test_ranges_that_nobody_states():
    potential = Potential(all_to_all(2), ["bias", "stiffness", "cubic", "quartic", "coupling"])
    box = ParameterBox.of_ranges(potential)
    expected = {
        "bias": (-100, 100), "stiffness": (-200, 200), "cubic": (-100, 100), "quartic": (0, 100),
        "coupling": (-100, 100),
    }  # fmt: skip
    for name, (low, high) in expected.items():
        where = potential.family(name).where
        assert (box.lower[where] == low).all(), name
        assert (box.upper[where] == high).all(), name
