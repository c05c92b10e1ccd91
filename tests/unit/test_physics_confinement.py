"""Confinement: soundness over random settings, and constructed escapes."""

from __future__ import annotations

import numpy as np
import pytest
from confinement_cases import CHAIN, POTENTIALS, grows, roomy
from hypothesis import given, settings
from hypothesis import strategies as st
from physics_cases import pieces

from oscilab.errors import OutOfBox
from oscilab.physics import Confinement, ParameterBox, Potential, all_to_all, noising_parameters

# Zeros and other exact values select the rule that applies, so they must be frequent.
VALUES = st.one_of(
    st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5]), st.floats(-4, 4, allow_subnormal=False)
)
PARAMETERS = st.sampled_from(sorted(POTENTIALS)).flatmap(
    lambda name: st.tuples(
        st.just(POTENTIALS[name]),
        st.lists(
            VALUES, min_size=POTENTIALS[name].parameters, max_size=POTENTIALS[name].parameters
        ).map(np.array),
    )
)
# derandomize: the same examples in every run.
fixed = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def usable(potential, theta):
    """Return `theta` without negative quartic pairs that cannot be confined."""
    if "quartic" in potential.families:
        return theta
    for name in ("square_square", "quartic_spring"):
        if name in potential.families:
            where = potential.family(name).where
            theta[where] = np.abs(theta[where])
    return theta


@fixed
@given(PARAMETERS)
def test_what_is_projected_passes_and_grows_in_every_direction(drawn):
    potential, theta = drawn
    theta = usable(potential, theta.copy())
    # A sizeable margin, so that growth shows at a radius that floating point can hold.
    confinement = Confinement(potential, quartic_margin=0.1, stiffness_margin=0.1)
    before = theta.copy()
    projected = confinement.project(theta, roomy(potential))
    confinement.check(projected)
    np.testing.assert_array_equal(theta, before)
    if "quartic" not in potential.families:
        assert np.linalg.eigvalsh(potential.stiffness_matrix(projected))[0] >= 0.1
    # A quartic just above its demand confines as well, but far beyond any radius tried here.
    spare = spare_quartic(potential, projected)
    if ((spare == 0) | (spare > 0.05)).all():
        assert grows(potential, projected)


def spare_quartic(potential, theta):
    """Return each quartic's excess over the negative pairs at its oscillator."""
    spare = np.zeros(potential.oscillators)
    for number, term, ends in pieces(potential):
        if term.name == "quartic":
            spare[ends[0]] += theta[number]
        if term.name in ("square_square", "quartic_spring"):
            spare[ends] += min(theta[number], 0) * (8 if term.name == "quartic_spring" else 1)
    return spare


@fixed
@given(PARAMETERS)
def test_projecting_only_raises_quartic_or_stiffness_and_only_once(drawn):
    potential, theta = drawn
    theta = usable(potential, theta)
    confinement = Confinement(potential)
    projected = confinement.project(theta, roomy(potential))
    raised = potential.families.get("quartic") or potential.family("stiffness")
    changed = projected - theta
    assert (changed >= 0).all()
    changed[raised.where] = 0
    assert not changed.any()
    np.testing.assert_array_equal(confinement.project(projected, roomy(potential)), projected)


@fixed
@given(PARAMETERS)
def test_what_confines_already_is_left_as_it_is(drawn):
    potential, theta = drawn
    theta = usable(potential, theta)
    confinement = Confinement(potential)
    try:
        confinement.check(theta)
    except OutOfBox:
        assert (confinement.project(theta, roomy(potential)) != theta).any()
    else:
        assert confinement.project(theta, roomy(potential)) is theta


@pytest.mark.parametrize("name", POTENTIALS)
def test_the_noise_itself_is_confined(name):
    potential = POTENTIALS[name]
    confinement = Confinement(potential)
    confinement.check(noising_parameters(potential))
    assert grows(potential, noising_parameters(potential))


ESCAPES = {
    "negative stiffness": (0, {"stiffness": [-0.1, 1, 1]}, [1, 0, 0]),
    "no stiffness": (2, {"stiffness": [1, 1, 0], "bias": [0, 0, 1]}, [0, 0, -1]),
    "strong coupling": (0, {"stiffness": 1, "coupling": [1.5, 0]}, [1, -1, 0]),
    "a zero block that is not positive definite": (
        1,
        {"stiffness": [-5, 1, 1], "quartic": [1, 0, 0], "coupling": [0, 1.5]},
        [0, 1, -1],
    ),
    "cubic": (1, {"stiffness": 5, "quartic": [1, 0, 1], "cubic": [0, 0.2, 0]}, [0, -1, 0]),
    "square_linear, at its square": (
        0,
        {"stiffness": 5, "quartic": [0, 1, 1], "square_linear": [-0.5, 0, 0, 0]},
        [1, 1e-4, 0],
    ),
    "negative square_square": (
        0,
        {"stiffness": 1, "quartic": [0.5, 0.5, 5], "square_square": [-2, 0]},
        [1, 1, 0],
    ),
    "square_square on both sides": (
        1,
        {"stiffness": 1, "quartic": [2, 1.5, 2], "square_square": [-2, -2]},
        [1, 1.2, 1],
    ),
    "negative quartic": (2, {"stiffness": 5, "quartic": [0, 0, -0.1]}, [0, 0, 1]),
    "negative quartic_spring": (0, {"stiffness": 1, "quartic": 1, "quartic_spring": [-1, 0]},
                                [1, -1, 0]),
}  # fmt: skip


@pytest.mark.parametrize("case", ESCAPES)
def test_a_way_out_is_refused_and_closed(case):
    """Each setting's energy is unbounded along one direction; after projection along none."""
    loosest, families, way = ESCAPES[case]
    theta = CHAIN.vector(**families)
    confinement = Confinement(CHAIN, quartic_margin=0.1)
    far = CHAIN.energy(theta, np.outer([1e5, 1e6], way))
    assert far[1] < far[0] < 0
    with pytest.raises(
        OutOfBox, match=f"oscillator {loosest} could escape to infinity: its quartic"
    ):
        confinement.check(theta)
    projected = confinement.project(theta, roomy(CHAIN))
    confinement.check(projected)
    assert grows(CHAIN, projected)


HELD = {
    "a zero quartic under a stiffness": {"stiffness": [1, 1, 0.002]},
    "a negative stiffness under a quartic": {"stiffness": [-9, 1, 1], "quartic": [0.01, 0, 0]},
    "a strong coupling to a quartic": {
        "stiffness": [-9, 1, 1],
        "quartic": [0.01, 0, 0],
        "coupling": [-7, 0.5],
    },
    "a cubic under a quartic": {"stiffness": 1, "quartic": [0.01, 0, 0], "cubic": [3, 0, 0]},
    "square_square within the quartics": {
        "stiffness": 1,
        "quartic": [2.01, 5.01, 3.01],
        "square_square": [-2, -3],
    },
    "repelling pairs": {"stiffness": 1, "square_square": 50, "quartic_spring": 50},
    "quartic_spring within the quartics": {
        "stiffness": 1,
        "quartic": [8.1, 8.1, 0],
        "quartic_spring": [-1, 0],
    },
}


@pytest.mark.parametrize("case", HELD)
def test_nothing_is_asked_of_what_holds(case):
    theta = CHAIN.vector(**HELD[case])
    confinement = Confinement(CHAIN)
    confinement.check(theta)
    assert confinement.project(theta, roomy(CHAIN)) is theta
    assert grows(CHAIN, theta)


def test_default_margins_are_small_enough_to_leave_what_there_is_to_learn():
    """A lacking quartic comes to 1e-4; springs of 1 that couple by 2 to 2 + 1e-3."""
    one = Potential(all_to_all(1), ["stiffness", "cubic", "quartic"])
    theta = one.vector(stiffness=1.0, cubic=0.5)
    raised = Confinement(one).project(theta, ParameterBox.of_ranges(one))
    np.testing.assert_allclose(raised, [1.0, 0.5, 1e-4], rtol=1e-9)
    two = Potential(all_to_all(2), ["stiffness", "coupling"])
    raised = Confinement(two).project(
        two.vector(stiffness=1.0, coupling=2.0), ParameterBox.of_ranges(two)
    )
    np.testing.assert_allclose(raised, [2.001, 2.001, 2.0], rtol=1e-6)
