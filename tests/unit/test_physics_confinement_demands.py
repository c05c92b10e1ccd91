"""The quartic or stiffness that confinement demands, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from confinement_cases import CHAIN, GATED, POTENTIALS, grows, roomy

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics import (
    Confinement,
    Monomial,
    ParameterBox,
    PolynomialTerm,
    Potential,
    all_to_all,
    from_edges,
    noising_parameters,
)


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
