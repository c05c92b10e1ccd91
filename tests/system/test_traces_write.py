"""Run files return what was written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import small_runs

import oscilab.traces
from oscilab.arrays import Identity
from oscilab.physics import Potential, Protocol, lattice
from oscilab.traces.plan import Provenance
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

STEPS = 12
NODES = small_runs.NODES


@pytest.fixture(scope="module", params=["one file", "segments"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rotation = small_runs.FEW_ROWS if request.param == "segments" else None
    return small_runs.write_run(tmp_path_factory.mktemp("runs") / "run.h5", STEPS, rotation)


def test_a_finished_run_is_one_file(finished: Path) -> None:
    assert [left.name for left in finished.parent.iterdir()] == ["run.h5"]


def test_every_row_and_reading_is_there(finished: Path) -> None:
    with open_run(finished) as run:
        assert (run.status, run.kind, run.n_committed) == ("finished", "train", STEPS * NODES)
        small_runs.check_rows(run, STEPS * NODES)
        training = run.tree["training"]
        assert training.loss.attrs["units"] == "1"
        assert training.elapsed.attrs["units"] == "s"
        assert training.utc.dtype.kind == "M"
        assert training.status.attrs["flag_meanings"].split() == [
            "redrawn", "projected",  "restarted",
        ]  # fmt: skip


def test_configuration_and_provenance_come_back(finished: Path) -> None:
    plan = small_runs.plan()
    with open_run(finished) as run:
        assert run.configuration == plan.configuration
        assert run.provenance == plan.provenance
        assert run.provenance.versions["h5py"] == h5py.__version__
        assert run.tree.ds.title.item() == "oscilab run"


def test_protocol_trajectory_and_results_come_back(finished: Path) -> None:
    with open_run(finished) as run:
        protocol, expected = run.protocol(), small_runs.protocol(STEPS)
        np.testing.assert_array_equal(protocol.parameters, expected.parameters)
        np.testing.assert_array_equal(protocol.schedule.edges, expected.schedule.edges)
        assert protocol.noising == expected.noising
        assert protocol.potential.names == expected.potential.names
        assert protocol.potential.topology.shape == (3, 3)
        played, trajectory = small_runs.trajectory(), run.tree["trajectory"]
        np.testing.assert_array_equal(trajectory.positions.values, played.positions)
        np.testing.assert_array_equal(trajectory.time.values, played.times)
        np.testing.assert_array_equal(trajectory.work.values, played.work)
        assert np.isnan(trajectory.heat.values).all()
        assert run.figures == {"sliced_wasserstein": 0.125}
        np.testing.assert_array_equal(run.tree["result/samples"].raw.values, played.final)
        assert run.tree["result/samples"].shown.shape == (small_runs.COPIES, 3, 3)
        assert run.tree["result/tables"].oracle.values.tolist() == list(range(NODES))


def test_the_newest_checkpoint_and_the_history_come_back(finished: Path) -> None:
    with open_run(finished) as run:
        small_runs.check_checkpoint(run, 10)
        history = run.tree["history"]
        assert history.step.values.tolist() == [0, 10]
        assert history.batch.values.tolist() == [NODES, 11 * NODES]
        np.testing.assert_array_equal(history.parameters.values[1], small_runs.parameters(10))


def test_the_description_of_the_array_comes_back(finished: Path) -> None:
    described = small_runs.description()
    with open_run(finished) as run:
        array = run.tree["array"]
        np.testing.assert_array_equal(array.parameter_lower.values, described.box.lower)
        np.testing.assert_array_equal(array.clamp_upper.values, described.clamp_upper)
        assert array.time_scale.item() == 1e-3
        assert array.time_scale.attrs["units"] == "s"
        assert json.loads(array.capabilities.item()) == sorted(described.capabilities)
        for row, name in enumerate(array.parameter_name.values):
            ends = [int(end) for end in array.ends.values[row] if end >= 0]
            assert name.endswith(f"[{','.join(map(str, ends))}]")


def test_the_tree_is_lazy_and_reads_parts(finished: Path) -> None:
    with open_run(finished) as run:
        forces = run.tree["readings"].forces
        assert not forces.variable._in_memory
        whole = forces.values
    with open_run(finished) as run:
        forces = run.tree["readings"].forces
        for key in (slice(3, 40, 7), [1, 8, 9], -1, slice(None, None, -5), slice(50, 10, -3)):
            np.testing.assert_array_equal(forces[key].values, whole[key])
        np.testing.assert_array_equal(forces[2:50:3, 1, [0, 4]].values, whole[2:50:3, 1][:, [0, 4]])
        np.testing.assert_array_equal(forces.sel(batch=7, shot=2).values, whole[7, 2])


def test_copies_may_come_one_batch_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    plan = small_runs.plan(kind="sample", checkpoint={}, log_every=0)
    with RunWriter.create(path, plan) as writer:
        for seed in range(3):
            writer.write_trajectory(small_runs.trajectory(copies=2, seed=seed))
            writer.rotate()
    with open_run(path) as run:
        assert run.kind == "sample"
        assert run.tree["trajectory"]["copy"].values.tolist() == list(range(6))
        expected = [small_runs.trajectory(2, seed).positions for seed in range(3)]
        np.testing.assert_array_equal(
            run.tree["trajectory"].positions.values, np.concatenate(expected)
        )


def test_gates_and_all_terms_are_rebuilt(tmp_path: Path) -> None:
    topology = dataclasses.replace(lattice(2, 2, 1.0), gates=np.array([[3, 0, 1], [2, 0, 1]]))
    terms = ["bias", "stiffness", "quartic", "coupling", "gate_coupling", "gate_stiffness"]
    potential = Potential(topology, terms)
    path = tmp_path / "run.h5"
    plan = small_runs.plan(description=small_runs.description(potential), checkpoint={})
    zeros = np.zeros((NODES, potential.parameters))
    with RunWriter.create(path, plan) as writer:
        writer.write_protocol(Protocol(potential, small_runs.SCHEDULE, zeros, plan.noising))
    with open_run(path) as run:
        assert run.protocol().potential.names == potential.names


def test_provenance_collects_versions_and_the_commit() -> None:
    collected = Provenance.collect(Identity("a", "b", simulated=False), parent="p.h5")
    assert collected.simulated is False
    assert collected.parent == "p.h5"
    assert collected.versions["numpy"] == np.__version__
    if (Path(__file__).parents[2] / ".git").exists():
        assert len(collected.git_commit.removesuffix("-dirty")) == 40


def test_the_format_s_page_names_every_object(finished: Path) -> None:
    page = (Path(oscilab.traces.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
    named_by_their_owner = ("checkpoint/", "result/figures/", "result/samples/", "result/tables/")
    unnamed: list[str] = []

    def visit(path: str, item: Any) -> None:
        bare = item.attrs.get("NAME", b"").startswith(b"This is a netCDF dimension but not")
        name = path.rsplit("/", 1)[-1]
        if not bare and not path.startswith(named_by_their_owner) and f"`{name}" not in page:
            unnamed.append(path)

    with h5py.File(finished) as file:
        file["entry"].visititems(visit)
    assert unnamed == []
