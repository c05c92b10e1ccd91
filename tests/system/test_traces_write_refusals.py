"""Refusals to write to, or read from, a run file, in one sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.physics import Potential, Protocol, lattice
from oscilab.physics.terms import BUILT_IN, STIFFNESS, Monomial, PolynomialTerm, Term
from oscilab.traces.durable import create_durably
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

STEPS = 12
NODES = small_runs.NODES


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_run(tmp_path_factory.mktemp("runs") / "run.h5", STEPS)


def test_two_runs_of_one_name_never_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    create_durably(path, b"another's")
    with pytest.raises(FileExistsError):
        create_durably(path, b"mine")
    assert path.read_bytes() == b"another's"
    assert [left.name for left in tmp_path.iterdir()] == ["run.h5"]


class Pendulum:
    """1 - cos x, which is not a polynomial."""

    name, ends, monomials, degree, demands = "pendulum", 1, None, None, ()
    default_range = (-1.0, 1.0)
    place = staticmethod(STIFFNESS.placement)

    def energy(self, *x: Any) -> Any:
        return 1 - np.cos(x[0])

    def slope(self, end: int, *x: Any) -> Any:
        return np.sin(x[0])


def write_own(path: Path, term: Term) -> Potential:
    potential = Potential(lattice(2, 2, 1.0), ["bias", term])
    plan = small_runs.plan(description=small_runs.description(potential), checkpoint={})
    zeros = np.zeros((NODES, potential.parameters))
    with RunWriter.create(path, plan) as writer:
        writer.write_protocol(Protocol(potential, small_runs.SCHEDULE, zeros, plan.noising))
    return potential


@pytest.mark.parametrize("name", ["drag", "stiffness"])
def test_a_term_of_one_s_own_is_rebuilt_from_its_monomials(tmp_path: Path, name: str) -> None:
    shear = (Monomial(3.0, (2, 0)), Monomial(-0.25, (1, 3)))
    own = PolynomialTerm(name, shear, lambda topology: topology.arcs[1:3], (-2.0, 5.0))
    written = write_own(tmp_path / "run.h5", own)
    with open_run(tmp_path / "run.h5") as run:
        potential = run.protocol().potential
    term = potential.family(name).term
    assert (term.name, term.monomials, term.default_range) == (name, shear, (-2.0, 5.0))
    assert term.demands == own.demands
    assert potential.names == written.names
    assert potential.family("bias").term is BUILT_IN["bias"]
    theta, x = np.random.default_rng(0).normal(size=(2, potential.parameters))
    x = x[np.newaxis, : potential.oscillators]
    np.testing.assert_array_equal(potential.forces(theta, x), written.forces(theta, x))


def test_a_term_that_is_no_polynomial_cannot_be_rebuilt_and_says_so(tmp_path: Path) -> None:
    write_own(tmp_path / "run.h5", Pendulum())
    with open_run(tmp_path / "run.h5") as run:
        assert run.tree["protocol"].parameters.shape[0] == NODES
        with pytest.raises(InvalidInput, match=r"has the term pendulum, which is not .*; install"):
            run.protocol()


@pytest.mark.parametrize("name", ["drag", "stiffness"])
def test_an_older_run_holds_terms_by_name_only(tmp_path: Path, finished: Path, name: str) -> None:
    own = PolynomialTerm(name, (Monomial(3.0, (2,)),), STIFFNESS.placement)
    write_own(tmp_path / "own.h5", own)
    (tmp_path / "run.h5").write_bytes(finished.read_bytes())
    for path in (tmp_path / "own.h5", tmp_path / "run.h5"):
        with h5py.File(path, "r+") as file:
            for added in ("monomial_family", "monomial_coefficient", "monomial_powers",
                          "nonnegative", "default_lower", "default_upper"):  # fmt: skip
                del file[f"entry/array/{added}"]
    with open_run(tmp_path / "run.h5") as run:
        assert run.protocol().potential.names == small_runs.POTENTIAL.names
    with (
        open_run(tmp_path / "own.h5") as run,
        pytest.raises(InvalidInput, match=f"has the term {name}, which is not"),
    ):
        run.protocol()


def test_what_a_run_does_not_hold_is_said(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan()) as writer:
        writer.append(**small_runs.rows(0))
    with open_run(path) as run:
        with pytest.raises(InvalidInput, match="holds no trained protocol"):
            run.protocol()
        with pytest.raises(InvalidInput, match="holds no checkpoint"):
            run.checkpoint()
        assert run.figures == {}


def test_an_existing_run_is_not_overwritten(finished: Path) -> None:
    before = finished.read_bytes()
    with pytest.raises(InvalidInput, match="exists; give another name"):
        RunWriter.create(finished, small_runs.plan())
    assert finished.read_bytes() == before


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InvalidInput, match=r"cannot be written: .*; choose a folder"):
        RunWriter.create(tmp_path / "taken" / "run.h5", small_runs.plan())
    assert [left.name for left in tmp_path.iterdir()] == ["taken"]


def test_a_configuration_that_is_not_json_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        RunWriter.create(tmp_path / "run.h5", small_runs.plan(configuration={"x": object()}))
    assert list(tmp_path.iterdir()) == []


def test_columns_of_different_length_are_refused(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run.h5", small_runs.plan()) as writer:
        with pytest.raises(InvalidInput, match="differ in length"):
            writer.append(**{**small_runs.rows(0), "loss": np.zeros(3)})
        assert writer.rows == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"generator": np.zeros(15, np.uint8)}, r"generator has shape \(15,\)"),
        ({"other": np.zeros(2)}, r"not planned \['other'\]"),
    ],
)
def test_a_checkpoint_that_was_not_planned_is_refused(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    with RunWriter.create(tmp_path / "run.h5", small_runs.plan()) as writer:
        writer.checkpoint(0, small_runs.parameters(0), small_runs.state(0))
        with pytest.raises(InvalidInput, match=sentence):
            writer.checkpoint(1, small_runs.parameters(1), {**small_runs.state(1), **change})
    with open_run(tmp_path / "run.h5") as run:
        assert run.checkpoint()[0] == 0


def test_a_finished_run_is_not_resumed(finished: Path) -> None:
    with pytest.raises(InvalidInput, match="is finished and cannot be resumed; start another"):
        RunWriter.resume(finished)


def test_a_run_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = small_runs.write_run(tmp_path / "run.h5", 1)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = np.int32(2)
    with pytest.raises(InvalidInput, match="has format 2, and this oscilab reads up to 1"):
        open_run(path)
