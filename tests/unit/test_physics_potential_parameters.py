"""Layout, names and validation of a potential's parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from physics_cases import CASES, Cosine, pieces

from oscilab.errors import InvalidInput, OutOfBox
from oscilab.physics import Potential, from_edges, lattice, noising_parameters

SMALL = Potential(from_edges([[0, 1], [1, 2]], 3), ["bias", "stiffness", "coupling"])


def test_parameters_are_laid_out_family_by_family():
    assert SMALL.names == [
        "bias[0]", "bias[1]", "bias[2]", "stiffness[0]", "stiffness[1]", "stiffness[2]",
        "coupling[0,1]", "coupling[1,2]",
    ]  # fmt: skip
    assert SMALL.parameters == 8
    assert SMALL.oscillators == 3
    assert [SMALL.ends_of(p) for p in (0, 2, 4, 6, 7)] == [(0,), (2,), (1,), (0, 1), (1, 2)]
    assert SMALL.family("stiffness").where == slice(3, 6)
    swapped = Potential(SMALL.topology, ["coupling", "bias"])
    assert swapped.names[:3] == ["coupling[0,1]", "coupling[1,2]", "bias[0]"]


@pytest.mark.parametrize("case", CASES)
def test_names_and_ends_agree(case):
    potential = CASES[case]
    assert len(potential.names) == len(set(potential.names)) == potential.parameters
    for number, term, ends in pieces(potential):
        assert potential.ends_of(number) == tuple(ends)
        assert potential.names[number] == f"{term.name}[{','.join(map(str, ends))}]"


def test_a_vector_from_families():
    np.testing.assert_array_equal(
        SMALL.vector(stiffness=2, coupling=[0.5, -1]), [0, 0, 0, 2, 2, 2, 0.5, -1]
    )
    assert not SMALL.vector().any()
    np.testing.assert_array_equal(noising_parameters(SMALL), [0, 0, 0, 1, 1, 1, 0, 0])


def test_a_vector_that_fits_is_checked_into_floats():
    found = SMALL.check(list(range(8)))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.arange(8.0))


@dataclass(frozen=True)
class Misplaced(Cosine):
    """A term with wrong ends."""

    where: tuple[tuple[int, ...], ...] = ((0, 1),)

    def place(self, topology):
        return np.array(self.where)


@pytest.mark.parametrize(
    ("error", "make", "words"),
    [
        (
            InvalidInput,
            lambda: Potential(lattice(1, 2, 1), ["bias", "bais"]),
            "unknown term 'bais'; the terms are bias, stiffness, cubic, quartic, coupling, ",
        ),
        (
            InvalidInput,
            lambda: Potential(lattice(1, 2, 1), ["bias", "coupling", "bias"]),
            "term bias is named twice; name it once",
        ),
        (
            InvalidInput,
            lambda: Potential(lattice(1, 2, 1), [Misplaced(where=((0, 2),))]),
            "ends of term cosine name oscillator 2, outside 0 to 1",
        ),
        (
            InvalidInput,
            lambda: Potential(lattice(1, 2, 1), [Misplaced(where=((0, -1),))]),
            "ends of term cosine name oscillator -1, outside 0 to 1",
        ),
        (
            InvalidInput,
            lambda: Potential(lattice(1, 2, 1), [Misplaced(where=((0,), (1,)))]),
            "ends of term cosine must have shape [n, 2], not (2, 1)",
        ),
        (
            InvalidInput,
            lambda: SMALL.family("quartic"),
            "the potential has no term quartic; it has bias, stiffness, coupling",
        ),
        (InvalidInput, lambda: SMALL.vector(cubic=1), "the potential has no term cubic; it has"),
        (
            InvalidInput,
            lambda: SMALL.vector(coupling=[1, 2, 3]),
            "values of shape (3,) are given for term coupling; give one number, or 2",
        ),
        (InvalidInput, lambda: SMALL.vector(bias=[1]), "of shape (1,) are given for term bias"),
        (InvalidInput, lambda: SMALL.ends_of(8), "parameter 8 is outside 0 to 7"),
        (InvalidInput, lambda: SMALL.ends_of(-1), "parameter -1 is outside 0 to 7"),
        (
            OutOfBox,
            lambda: SMALL.check(np.zeros(7)),
            "a parameter vector has shape (7,), the potential needs (8,)",
        ),
        (OutOfBox, lambda: SMALL.check(np.zeros((1, 8))), "has shape (1, 8), the potential needs"),
        (
            OutOfBox,
            lambda: SMALL.check([0, 0, 0, 1, np.nan, np.inf, 0, 0]),
            "parameter stiffness[1] is nan; every parameter must be finite",
        ),
        (OutOfBox, lambda: SMALL.check([0] * 7 + [-np.inf]), "parameter coupling[1,2] is -inf"),
    ],
)
def test_what_cannot_be_is_refused(error, make, words):
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)


def test_noise_needs_a_stiffness():
    with pytest.raises(InvalidInput, match="no term stiffness; it has bias, coupling"):
        noising_parameters(Potential(lattice(1, 2, 1), ["bias", "coupling"]))
