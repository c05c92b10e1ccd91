"""The terms that are sent to the twin of a microcontroller."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab.physics import BUILT_IN, Monomial, PolynomialTerm, Potential, lattice
from oscilab_sim.firmware.plant import plant_terms

SITES = lattice(1, 2, 1.0)


def on_site(name, *monomials):
    return PolynomialTerm(
        name, tuple(Monomial(c, (p,)) for c, p in monomials), BUILT_IN["bias"].place
    )


def test_terms_are_numbered_in_the_order_of_the_families():
    sextic = on_site("sextic", (2.0, 6), (-1.0, 2))
    found = plant_terms(Potential(SITES, ["coupling", sextic, "square_linear"]))
    assert [tuple(each) for each in found] == [
        (0, (1, 1), 1.0), (1, (6,), 2.0), (1, (2,), -1.0), (2, (2, 1), 1.0),
    ]  # fmt: skip


def test_every_term_of_oscilab_is_known():
    found = plant_terms(Potential(SITES, BUILT_IN))
    assert {each.term for each in found} == set(range(len(BUILT_IN)))


@pytest.mark.parametrize(
    ("term", "sentence"),
    [
        (
            SimpleNamespace(
                name="pendulum", ends=1, monomials=None, place=lambda _: np.zeros((1, 1), np.int64)
            ),
            "term pendulum is not simulated .* polynomials only; leave it out",
        ),
        (on_site("steep", (1.0, 13)), "a monomial of degree 13 on 1 oscillators; .* 1 to 12"),
        (on_site("flat", (1.0, 0)), "a monomial of degree 0"),
        (on_site("long", *((1.0, 2) for _ in range(65))), "have 65 monomials, more than the 64"),
    ],
)
def test_what_the_plant_cannot_be_is_refused(term, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        plant_terms(Potential(SITES, [term]))
