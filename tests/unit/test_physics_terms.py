"""Every built-in term: its energy as written, its slopes, its ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from physics_cases import GATES, Cosine, gated, instance_slope

from oscilab.physics import BUILT_IN, Monomial, PolynomialTerm, lattice

ENERGIES = {
    "bias": lambda x: x,
    "stiffness": lambda x: x**2 / 2,
    "cubic": lambda x: x**3 / 3,
    "quartic": lambda x: x**4 / 4,
    "coupling": lambda x, y: x * y,
    "square_linear": lambda x, y: x**2 * y,
    "square_square": lambda x, y: x**2 * y**2 / 2,
    "quartic_spring": lambda x, y: (x - y) ** 4 / 4,
    "gate_coupling": lambda h, x, y: h * x * y,
    "gate_stiffness": lambda h, x: h * x**2 / 2,
    "gate_bias": lambda h, x: h * x,
}
SITES = [[i] for i in range(6)]
EDGES = lattice(2, 3, 1.5).edges.tolist()
GATE_SITES = [[0, 1], [0, 2], [4, 1], [4, 2], [4, 3], [4, 5]]
PLACES = {
    **dict.fromkeys(("bias", "stiffness", "cubic", "quartic"), SITES),
    **dict.fromkeys(("coupling", "square_square", "quartic_spring"), EDGES),
    "square_linear": EDGES + [[j, i] for i, j in EDGES],
    "gate_coupling": GATES.tolist(),
    **dict.fromkeys(("gate_stiffness", "gate_bias"), GATE_SITES),
}
OWN = {"cosine": Cosine()}
ALL = [*BUILT_IN, *OWN]


def term_called(name):
    return BUILT_IN[name] if name in BUILT_IN else OWN[name]


def positions(term, seed=0, shape=(4, 3), dtype=np.float64):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape).astype(dtype) for _ in range(term.ends)]


def test_there_are_no_other_terms():
    assert set(BUILT_IN) == set(ENERGIES) == set(PLACES)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_energy_is_the_one_written_down(name):
    term, expected = BUILT_IN[name], ENERGIES[name]
    assert term.name == name
    assert term.ends == expected.__code__.co_argcount
    x = positions(term)
    np.testing.assert_allclose(term.energy(*x), expected(*x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_a_slope_is_the_derivative_of_the_energy(name):
    term = term_called(name)
    x = positions(term, shape=(7,))
    for end in range(term.ends):
        expected = [
            instance_slope(term, np.array(point), range(term.ends), end)
            for point in zip(*x, strict=True)
        ]
        np.testing.assert_allclose(term.slope(end, *x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_shapes_and_types_are_those_of_the_positions(name):
    term = term_called(name)
    for dtype in (np.float32, np.float64):
        x = positions(term, dtype=dtype)
        for values in (term.energy(*x), *(term.slope(end, *x) for end in range(term.ends))):
            assert values.shape == (4, 3)
            assert values.dtype == dtype


@pytest.mark.parametrize("name", BUILT_IN)
def test_instances_sit_where_they_belong(name):
    assert BUILT_IN[name].place(gated()).tolist() == PLACES[name]


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(st.floats(-3, 3), st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    ),
    st.tuples(*[st.floats(-1.5, 1.5)] * 3),
)
def test_any_sum_of_monomials_has_its_own_slopes(drawn, point):
    term = PolynomialTerm(
        "any", tuple(Monomial(c, tuple(powers)) for c, *powers in drawn), lambda t: t.gates
    )
    x = np.array(point)
    for end in range(3):
        # Exact derivatives of the powers, written out.
        expected = sum(
            c * powers[end] * x[end] ** max(powers[end] - 1, 0)
            * np.prod([x[k] ** powers[k] for k in range(3) if k != end])
            for c, *powers in drawn
        )  # fmt: skip
        found = term.slope(end, *(np.array([value]) for value in point))
        np.testing.assert_allclose(found, [expected], rtol=1e-10, atol=1e-10)
