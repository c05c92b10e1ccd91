"""Forces and energies of both engines against an independent evaluation, term by term."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab.physics import BUILT_IN, Monomial, PolynomialTerm, Potential, all_to_all, lattice
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.streams import RandomStreams

GATES = np.array([[0, 1, 2], [4, 5, 3], [4, 1, 2]])
SEXTIC = PolynomialTerm("sextic", (Monomial(1 / 6, (6,)),), lambda t: t.edges[:, :1])
WIDE = PolynomialTerm(
    "wide",
    (Monomial(0.5, (3, 2)), Monomial(-0.25, (1, 4)), Monomial(2.0, (0, 1))),
    lambda t: t.edges,
)


def gated():
    return replace(lattice(2, 3, 1.5), gates=GATES)


CASES = {
    **{name: Potential(gated(), [name]) for name in BUILT_IN},
    "all terms": Potential(gated(), [*BUILT_IN]),
    "sextic": Potential(gated(), [SEXTIC]),
    "wide": Potential(gated(), [WIDE, "coupling"]),
    "odd lattice": Potential(lattice(5, 5, 1.0), ["bias", "stiffness", "quartic", "coupling"]),
    "all-to-all": Potential(all_to_all(3, 5), ["stiffness", "cubic", "coupling"]),
    "one oscillator": Potential(all_to_all(1), ["bias", "stiffness", "quartic"]),
    "uncoupled": Potential(lattice(4, 4, 0.0), ["stiffness", "coupling"]),
}


@pytest.fixture(params=["numba", "numpy"])
def engine_name(request):
    return request.param


def energy_of(potential, theta, x):
    """Return U at one point, by single monomials in plain Python."""
    total = 0.0
    for family in potential.families.values():
        for value, ends in zip(theta[family.where], family.ends.tolist(), strict=True):
            for monomial in family.term.monomials:
                product = monomial.coefficient * value
                for end, power in zip(ends, monomial.powers, strict=True):
                    product *= x[end] ** power
                total += product
    return total


def slope_of(potential, theta, x, i, h=1e-3):
    """Return dU/dx_i by a central difference of fifth order."""
    weights = {-3: -1 / 60, -2: 3 / 20, -1: -3 / 4, 1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    moved = np.eye(len(x))[i] * h
    return sum(w * energy_of(potential, theta, x + k * moved) for k, w in weights.items()) / h


@pytest.mark.parametrize("case", CASES)
def test_forces_and_energy_are_those_of_the_terms(engine_name, case):
    potential = CASES[case]
    generator = np.random.default_rng(11)
    theta = generator.normal(size=potential.parameters)
    x = generator.normal(size=(3, potential.oscillators))
    engine = choose_engine(engine_name, potential, threads=1)
    energies = [energy_of(potential, theta, row) for row in x]
    np.testing.assert_allclose(engine.energy(theta, x), energies, rtol=1e-11, atol=1e-11)
    slopes = [[slope_of(potential, theta, row, i) for i in range(len(row))] for row in x]
    scale = 1 + np.abs(slopes).max()
    np.testing.assert_allclose(engine.forces(theta, x), np.negative(slopes), atol=1e-9 * scale)


@pytest.mark.parametrize("batch", [0, 1, 63, 64, 65, 200])
def test_every_row_of_a_batch_is_read(monkeypatch, engine_name, batch):
    monkeypatch.setattr("oscilab_sim.numba_engine.WORTH_A_THREAD", 1)
    potential = CASES["all terms"]
    generator = np.random.default_rng(5)
    theta = generator.normal(size=potential.parameters)
    x = generator.normal(size=(batch, potential.oscillators))
    engine = choose_engine(engine_name, potential, threads=3)
    np.testing.assert_allclose(engine.forces(theta, x), potential.forces(theta, x), atol=1e-10)
    np.testing.assert_allclose(engine.energy(theta, x), potential.energy(theta, x), atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_steps_without_noise_agree_between_engines(case):
    """The engines agree to float32 rounding, for any number of copies and steps."""
    potential = CASES[case]
    generator = np.random.default_rng(2)
    theta = generator.normal(size=potential.parameters)
    for copies, steps in itertools.product((1, 64, 70), (1, 2, 7)):
        x = generator.normal(size=(copies, potential.oscillators))
        ends = []
        for name in ("numba", "numpy"):
            engine = choose_engine(name, potential, threads=2)
            moving = engine.release(x, RandomStreams(0).next())
            moving.hold(theta, 1e-3, steps, temperature=0.0)
            ends.append(moving.positions())
        assert ends[0].dtype == np.float32
        assert (ends[0] != x.astype(np.float32)).any()
        np.testing.assert_allclose(*ends, rtol=1e-6, atol=1e-6)


@dataclass(frozen=True)
class Pendulum:
    """theta (1 - cos x), which is not a polynomial."""

    name: str = "pendulum"
    ends: int = 1
    monomials: None = None

    def place(self, topology):
        return np.arange(topology.oscillators)[:, np.newaxis]

    def energy(self, x):
        return 1 - np.cos(x)

    def slope(self, end, x):
        return np.sin(x)


def test_a_term_that_is_no_polynomial_runs_on_numpy():
    potential = Potential(lattice(1, 2, 0), ["stiffness", Pendulum()])
    engine = choose_engine("auto", potential, threads=1)
    assert engine.name == "numpy"
    theta = potential.vector(pendulum=2.0)
    np.testing.assert_allclose(
        engine.forces(theta, np.array([[0.5, 1.0]])), [-2 * np.sin([0.5, 1])]
    )


def test_numba_is_refused_where_it_cannot_serve():
    potential = Potential(lattice(1, 2, 0), ["stiffness", Pendulum()])
    with pytest.raises(InvalidInput, match="term pendulum is not a polynomial"):
        choose_engine("numba", potential, threads=1)
