"""Custom terms in confinement: demands from monomials, and stated demands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from confinement_cases import SEXTIC, grows, roomy
from hypothesis import given, settings
from hypothesis import strategies as st
from physics_cases import Cosine

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics import (
    BUILT_IN,
    Confinement,
    Demand,
    Monomial,
    PolynomialTerm,
    Potential,
    from_edges,
    noising_parameters,
)
from oscilab.physics.terms import COUPLING, STIFFNESS

PAIR = from_edges([[0, 1]], 2)


def on_site(name, *monomials):
    return PolynomialTerm(name, tuple(Monomial(c, (p,)) for c, p in monomials), STIFFNESS.placement)


def pairwise(name, *monomials):
    return PolynomialTerm(name, tuple(Monomial(c, p) for c, p in monomials), COUPLING.placement)


QUINTIC = on_site("quintic", (0.2, 5))
WELLS = on_site("wells", (0.25, 4), (-0.5, 2))
SHEAR = pairwise("shear", (1.0, (3, 1)))
MIXED = pairwise("mixed", (1.0, (2, 4)))
POTENTIALS = {
    "sextic": Potential(PAIR, ["bias", "stiffness", "quartic", "coupling", SEXTIC]),
    "sextic alone": Potential(PAIR, ["stiffness", "coupling", "cubic", SEXTIC]),
    "quintic": Potential(PAIR, ["stiffness", "quartic", "square_square", QUINTIC, SEXTIC]),
    "shear": Potential(PAIR, ["stiffness", "quartic", "coupling", SHEAR]),
    "mixed": Potential(PAIR, ["stiffness", "quartic", "square_linear", MIXED, SEXTIC]),
    "wells": Potential(PAIR, ["stiffness", "quartic", "coupling", WELLS, SHEAR]),
}
PARAMETERS = st.sampled_from(sorted(POTENTIALS)).flatmap(
    lambda name: st.tuples(
        st.just(POTENTIALS[name]),
        st.lists(
            st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5, 3.0, -3.0]),
            min_size=POTENTIALS[name].parameters,
            max_size=POTENTIALS[name].parameters,
        ).map(np.array),
    )
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(PARAMETERS)
def test_what_is_projected_passes_and_grows_in_every_direction(drawn):
    potential, theta = drawn
    confinement = Confinement(potential, quartic_margin=0.1, stiffness_margin=0.1)
    projected = confinement.project(theta, roomy(potential))
    confinement.check(projected)
    np.testing.assert_array_equal(confinement.project(projected, roomy(potential)), projected)
    assert grows(potential, projected)


def test_a_negative_sextic_is_refused_whatever_the_quartic():
    """At -5 beside a quartic of 1 the energy of one oscillator at x = 3 is -3620.25."""
    potential = POTENTIALS["sextic"]
    theta = potential.vector(stiffness=1, quartic=1, sextic=[-5, 0])
    assert potential.energy(theta, np.array([[3.0, 0.0]])) == pytest.approx(-3645 + 20.25 + 4.5)
    np.testing.assert_array_equal(Confinement(potential).shortfall(theta), [5, 0])
    with pytest.raises(
        OutOfBox, match=r"oscillator 0 could escape .* its sextic lacks 5; raise it"
    ):
        Confinement(potential).check(theta)


def test_a_positive_sextic_holds_as_a_quartic_does():
    potential = POTENTIALS["sextic alone"]
    confinement = Confinement(potential, quartic_margin=0.5)
    theta = potential.vector(stiffness=-9, sextic=0.01, cubic=[3, 0])
    confinement.check(theta)
    assert grows(potential, theta)
    # If it is zero, a third order needs it strictly; otherwise the stiffness matrix confines.
    lack = confinement.shortfall(potential.vector(stiffness=1, cubic=[3, 0]))
    np.testing.assert_array_equal(lack, [0.5, 0])
    lack = confinement.shortfall(potential.vector(stiffness=[1, -1]))
    np.testing.assert_array_equal(lack, [0.5, 0.5])
    confinement.check(noising_parameters(potential))


def test_a_mixed_pair_takes_away_by_the_weighted_mean():
    """x^2 y^4 <= x^6 / 3 + 2 y^6 / 3, with equality at x = y."""
    potential = POTENTIALS["mixed"]
    theta = potential.vector(stiffness=1, mixed=-3, sextic=[1, 2])
    lack = Confinement(potential, quartic_margin=0.25).shortfall(theta)
    np.testing.assert_allclose(lack, [0.25, 0.25])
    theta = potential.vector(stiffness=1, mixed=-3, sextic=[1.01, 2.01])
    Confinement(potential).check(theta)
    assert grows(potential, theta)


def test_a_degree_that_nothing_on_site_has_is_refused_by_parameter():
    potential = Potential(PAIR, ["stiffness", "quartic", MIXED])
    theta = potential.vector(stiffness=1, quartic=50, mixed=-1)
    assert not grows(potential, theta)
    with pytest.raises(OutOfBox, match=r"mixed\[0,1\] is -1, .*; add an on-site term of x\^6, or"):
        Confinement(potential).check(theta)
    Confinement(potential).check(potential.vector(stiffness=1, mixed=1))


@pytest.mark.parametrize("terms", [["quartic", QUINTIC], [SHEAR], ["sextic"]])
def test_a_fall_at_either_sign_needs_a_higher_on_site_term(terms):
    terms = [SEXTIC if term == "sextic" else term for term in terms]
    confinement = Confinement(Potential(PAIR, ["stiffness", *terms]))
    if SEXTIC in terms:
        confinement.check_terms()
        return
    degree = 6 if QUINTIC in terms else 4
    with pytest.raises(InvalidInput, match=f"no on-site term of degree {degree} or .*; add one"):
        confinement.check_terms()


@pytest.mark.parametrize("ask", ["check_terms", "check", "shortfall"])
def test_a_term_that_does_not_say_how_it_grows_is_refused_by_name(ask):
    potential = Potential(PAIR, ["stiffness", replace(Cosine(), demands=None)])
    arguments = [] if ask == "check_terms" else [potential.vector(stiffness=1)]
    with pytest.raises(InvalidInput, match=r"term cosine does not say how it grows .* `demands`"):
        getattr(Confinement(potential), ask)(*arguments)


def test_a_bounded_term_asks_nothing():
    potential = Potential(PAIR, ["stiffness", Cosine()])
    Confinement(potential).check(potential.vector(stiffness=1, cosine=-50))


@pytest.mark.parametrize(
    ("term", "demands"),
    [
        ("bias", ()),
        ("stiffness", ()),
        ("coupling", ()),
        ("cubic", (Demand(3, (-1 / 3,), (-1 / 3,)),)),
        ("quartic", (Demand(4, (1 / 4,), (-1 / 4,)),)),
        ("square_linear", (Demand(3, (-2 / 3, -1 / 3), (-2 / 3, -1 / 3)),)),
        ("square_square", (Demand(4, (0.0, 0.0), (-1 / 4, -1 / 4)),)),
        ("quartic_spring", (Demand(4, (0.0, 0.0), (-2.0, -2.0)),)),
        ("gate_coupling", (Demand(3, (-1 / 3,) * 3, (-1 / 3,) * 3),)),
    ],
)
def test_what_monomials_demand(term, demands):
    assert BUILT_IN[term].demands == demands


@pytest.mark.parametrize("term", [*BUILT_IN.values(), SEXTIC, QUINTIC, WELLS, SHEAR, MIXED])
def test_demands_are_bounds_at_large_positions(term):
    """They are compared with the energy at random points of a large sphere."""
    x = np.random.default_rng(0).normal(size=(term.ends, 1000))
    x *= 1e4 / np.linalg.norm(x, axis=0)
    top = [each for each in term.demands if each.degree == max(d.degree for d in term.demands)]
    for demand in top:
        for sign, growth in ((1, demand.positive), (-1, demand.negative)):
            least = sum(w * np.abs(end) ** demand.degree for w, end in zip(growth, x, strict=True))
            # Lower degrees and rounding, as a share of the largest power.
            assert (sign * term.energy(*x) >= least - 1e-3 * 1e4**demand.degree).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pairwise("odd", (1.0, (2, 1)), (1.0, (2,))), r"powers \(2,\); give a whole .* 2"),
        (lambda: on_site("odd", (1.0, -1)), r"powers \(-1,\); give a whole number, zero or more"),
        (lambda: on_site("odd"), "term odd has no monomials; give it one or more"),
        (lambda: replace(WELLS, nonnegative=True), "wells has monomials of several degrees"),
    ],
)
def test_a_polynomial_that_cannot_be_is_refused(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


def test_two_quartics_at_one_oscillator_count_together():
    """x^4 / 4 less x^4 / 8 grows; less x^4 / 2 it falls. Neither one alone could be raised."""
    twice = PolynomialTerm("twice", (Monomial(0.25, (4,)),), lambda _: np.array([[0], [0], [1]]))
    confinement = Confinement(Potential(PAIR, ["stiffness", twice]))
    rest = [1.0, 1.0]
    confinement.check(np.array([*rest, 1.0, -0.5, 1.0]))
    with pytest.raises(OutOfBox, match="could escape to infinity"):
        confinement.check(np.array([*rest, 0.5, -1.0, 1.0]))
