"""What holds oscillators in: soundness over random settings, and constructed ways out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from physics_cases import pieces

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics import (
    Confinement,
    Monomial,
    ParameterBox,
    PolynomialTerm,
    Potential,
    all_to_all,
    from_edges,
    lattice,
    noising_parameters,
)

GATED = replace(lattice(2, 2, 1.0), gates=np.array([[0, 1, 3]]))
SPRING = PolynomialTerm(
    "spring",
    (Monomial(0.5, (2, 0)), Monomial(-1.0, (1, 1)), Monomial(0.5, (0, 2))),
    lambda topology: topology.edges,
)
POTENTIALS = {
    "plain": Potential(all_to_all(3), ["bias", "stiffness", "quartic", "coupling"]),
    "pairs": Potential(
        lattice(2, 2, 1.5),
        ["stiffness", "quartic", "coupling", "square_linear", "square_square", "quartic_spring"],
    ),
    "cubic": Potential(all_to_all(2), ["bias", "stiffness", "cubic", "quartic", "coupling"]),
    "gates": Potential(
        GATED,
        ["stiffness", "quartic", "coupling", "gate_coupling", "gate_stiffness", "gate_bias"],
    ),
    "harmonic": Potential(all_to_all(4), ["bias", "stiffness", "coupling"]),
    "springs": Potential(all_to_all(3), ["stiffness", SPRING]),
    "no quartic": Potential(
        lattice(2, 2, 1.0), ["stiffness", "coupling", "square_square", "quartic_spring"]
    ),
}
# Zeros and other exact values decide which of the rules applies, so they must be frequent.
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


def roomy(potential):
    """A box in which even a quartic may be negative."""
    reach = np.full(potential.parameters, 1e3)
    return ParameterBox(potential, -reach, reach)


def usable(potential, theta):
    """`theta` without negative quartic pairs where nothing could hold them."""
    if "quartic" in potential.families:
        return theta
    for name in ("square_square", "quartic_spring"):
        if name in potential.families:
            where = potential.family(name).where
            theta[where] = np.abs(theta[where])
    return theta


def directions(potential, theta):
    """Ways out worth trying: axes, diagonals, the stiffness's own modes on any subset, random."""
    n = potential.oscillators
    signs = [np.array(sign) for sign in itertools.product((-1.0, 0.0, 1.0), repeat=n) if any(sign)]
    modes = []
    matrix = potential.stiffness_matrix(theta)
    for size in range(1, n + 1):
        for sites in itertools.combinations(range(n), size):
            found = np.zeros((size, n))
            found[:, list(sites)] = np.linalg.eigh(matrix[np.ix_(sites, sites)])[1].T
            modes += [*found, *-found]
    scattered = np.random.default_rng(0).normal(size=(200, n))
    every = np.concatenate([signs, modes, scattered])
    return every / np.linalg.norm(every, axis=1, keepdims=True)


def grows(potential, theta, radius=1e6):
    """Whether U rises from `radius` to twice that, and is positive, in every direction tried."""
    rays = directions(potential, theta) * radius
    near, far = potential.energy(theta, rays), potential.energy(theta, 2 * rays)
    return bool(((near > 0) & (far > near)).all())


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
    """What each quartic has above the negative pairs at its oscillator, one piece at a time."""
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


CHAIN = Potential(
    from_edges([[0, 1], [1, 2]], 3),
    ["bias", "stiffness", "cubic", "quartic", "coupling", "square_linear", "square_square",
     "quartic_spring"],
)  # fmt: skip
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
    """Each setting falls without end along its own direction; projected, along none."""
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


def test_the_demand_is_the_quartic_that_is_lacking():
    theta = CHAIN.vector(stiffness=1, quartic=[1, 1, 0], square_square=[-2, -3], quartic_spring=1)
    lack = Confinement(CHAIN, quartic_margin=0.25).shortfall(theta)
    np.testing.assert_allclose(lack, [1.25, 4.25, 3.25])
    theta = CHAIN.vector(stiffness=1, quartic=1, quartic_spring=[-0.5, 0.5])
    lack = Confinement(CHAIN, quartic_margin=0.25).shortfall(theta)
    np.testing.assert_allclose(lack, [3.25, 3.25, 0])


def test_only_the_zero_block_has_to_be_positive_definite():
    """Gershgorin's discs reach below zero here; the matrix does not."""
    potential = POTENTIALS["plain"]
    held = potential.vector(stiffness=1, coupling=[0.6, 0.6, 0.6])
    Confinement(potential).check(held)
    weak = potential.vector(stiffness=1, coupling=[-0.6, -0.6, -0.6])
    with pytest.raises(OutOfBox, match=r"oscillator [012] could escape"):
        Confinement(potential).check(weak)
    Confinement(potential).check(
        potential.vector(stiffness=1, coupling=[-0.6, -0.6, -0.6], quartic=[1, 0, 0])
    )


@pytest.mark.parametrize(("coupling", "lowest"), [([0.5, 0, 0], 0.5), ([0.6, 0.6, 0.6], 0.4)])
def test_the_zero_block_clears_the_stiffness_margin(coupling, lowest):
    potential = POTENTIALS["plain"]
    theta = potential.vector(stiffness=1, coupling=coupling)
    assert np.linalg.eigvalsh(potential.stiffness_matrix(theta))[0] == pytest.approx(lowest)
    Confinement(potential, stiffness_margin=lowest - 0.01).check(theta)
    with pytest.raises(OutOfBox, match="could escape"):
        Confinement(potential, stiffness_margin=lowest + 0.01).check(theta)


def test_without_quartics_the_lowest_mode_is_lifted_to_the_margin():
    potential = POTENTIALS["harmonic"]
    confinement = Confinement(potential, stiffness_margin=0.25)
    theta = potential.vector(stiffness=[1, 2, 3, 4], coupling=-2)
    lowest = np.linalg.eigvalsh(potential.stiffness_matrix(theta))[0]
    np.testing.assert_allclose(confinement.shortfall(theta), 0.25 - lowest)
    with pytest.raises(OutOfBox, match=f"its stiffness lacks {0.25 - lowest:g}; raise it"):
        confinement.check(theta)
    projected = confinement.project(theta, roomy(potential))
    reached = np.linalg.eigvalsh(potential.stiffness_matrix(projected))[0]
    assert reached == pytest.approx(0.25, abs=1e-8)


@pytest.mark.parametrize("lack", [1e-15, 1e-12, 1e-8, 1e-4, 1.0, 300.0])
def test_however_little_is_lacking_the_projected_matrix_passes(lack):
    """A lift that rounding swallows would be refused by the next measurement."""
    potential = Potential(all_to_all(60), ["stiffness", "coupling"])
    confinement = Confinement(potential)
    coupling = np.random.default_rng(4).normal(scale=20, size=60 * 59 // 2)
    theta = potential.vector(coupling=coupling)
    lowest = np.linalg.eigvalsh(potential.stiffness_matrix(theta))[0]
    theta[potential.family("stiffness").where] = confinement.stiffness_margin - lowest - lack
    confinement.check(confinement.project(theta, roomy(potential)))


def test_a_spring_of_ones_own_counts_as_stiffness():
    potential = POTENTIALS["springs"]
    confinement = Confinement(potential)
    confinement.check(potential.vector(stiffness=[0.1, 0, 0], spring=1))
    with pytest.raises(OutOfBox, match="stiffness lacks"):
        confinement.check(potential.vector(stiffness=0.1, spring=[-0.1, 0, 0]))


def test_a_third_order_of_ones_own_needs_a_quartic():
    skew = PolynomialTerm("skew", (Monomial(0.5, (2, 1)),), lambda topology: topology.edges)
    potential = Potential(from_edges([[0, 1]], 3), ["stiffness", "quartic", skew])
    confinement = Confinement(potential, quartic_margin=0.5)
    theta = potential.vector(stiffness=1, skew=0.1)
    np.testing.assert_array_equal(confinement.shortfall(theta), [0.5, 0.5, 0])


@pytest.mark.parametrize(
    ("terms", "families", "name"),
    [
        (["cubic"], {"cubic": [0, 0.25, 0]}, r"cubic\[1\] is 0.25"),
        (["cubic"], {"cubic": [0, 0, -3]}, r"cubic\[2\] is -3"),
        (["square_linear"], {"square_linear": [0, 2, 0, 0]}, r"square_linear\[1,2\] is 2"),
        (["square_square"], {"square_square": [0, -2]}, r"square_square\[1,2\] is -2"),
        (["quartic_spring"], {"quartic_spring": [-1, 0]}, r"quartic_spring\[0,1\] is -1"),
    ],
)
@pytest.mark.parametrize("ask", ["check", "project"])
def test_without_quartics_nothing_else_can_hold(terms, families, name, ask):
    potential = Potential(from_edges([[0, 1], [1, 2]], 3), ["stiffness", *terms])
    confinement = Confinement(potential)
    theta = potential.vector(stiffness=5, **families)
    assert not grows(potential, theta)
    arguments = [theta, roomy(potential)][: 2 if ask == "project" else 1]
    with pytest.raises(OutOfBox, match=rf"{name}, with which .* add the term quartic"):
        getattr(confinement, ask)(*arguments)
    confinement.check(noising_parameters(potential))


def test_a_repelling_pair_needs_no_quartic():
    potential = Potential(from_edges([[0, 1], [1, 2]], 3), ["stiffness", "square_square"])
    theta = potential.vector(stiffness=0.1, square_square=3)
    Confinement(potential).check(theta)
    assert grows(potential, theta)


def test_third_orders_without_a_quartic_are_refused_as_terms():
    potential = Potential(GATED, ["stiffness", "cubic", "gate_stiffness", "coupling"])
    with pytest.raises(InvalidInput, match=r"has cubic, gate_stiffness but no quartic.*; add the"):
        Confinement(potential).check_terms()
    for terms in (["stiffness", "cubic", "quartic"], ["stiffness", "square_square"]):
        Confinement(Potential(GATED, terms)).check_terms()


def test_a_box_without_room_is_refused_with_value_and_bound():
    confinement = Confinement(CHAIN, quartic_margin=0.5)
    upper = np.full(CHAIN.parameters, 10.0)
    upper[CHAIN.family("quartic").where] = [10, 2.25, 10]
    box = ParameterBox(CHAIN, -upper, upper)
    theta = CHAIN.vector(stiffness=1, square_square=-1)
    with pytest.raises(OutOfBox, match=r"quartic\[1\] would have to be 2.5 .* bound 2.25; widen"):
        confinement.project(theta, box)
    potential = POTENTIALS["harmonic"]
    tight = ParameterBox.of_ranges(potential, {"stiffness": (-1, 1)})
    with pytest.raises(OutOfBox, match=r"stiffness\[0\] would have to be 3.001 .* bound 1; widen"):
        Confinement(potential).project(potential.vector(coupling=-1, stiffness=-1), tight)
