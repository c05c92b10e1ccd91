"""What is written to a run file is what is read from it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import small_runs

import oscilab.traces
from oscilab.arrays import Identity
from oscilab.errors import InvalidInput
from oscilab.physics import Potential, Protocol, lattice
from oscilab.physics.terms import STIFFNESS, Monomial, PolynomialTerm
from oscilab.traces.durable import create_durably, take_name
from oscilab.traces.plan import Channel, Coding, Provenance
from oscilab.traces.run import open_run
from oscilab.traces.segments import Rotation
from oscilab.traces.superblock import read_superblock
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
            "redrawn", "projected", "not_finite", "restarted",
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


def test_a_run_without_readings_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan(log_every=0)) as writer:
        writer.append(**small_runs.rows(0))
        with pytest.raises(InvalidInput, match="planned to keep no readings"):
            writer.append_reading(row=0, reading=small_runs.force_reading(0))
    with open_run(path) as run:
        assert run.n_committed == NODES
        assert "readings" not in run.tree


def test_readings_of_some_batches_align_with_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan(log_every=3)) as writer:
        for step in range(4):
            first = writer.rows
            writer.append(**small_runs.rows(step))
            for row in range(first, writer.rows):
                if row % 3 == 0:
                    writer.append_reading(row=row, reading=small_runs.force_reading(row))
            writer.commit()
    with open_run(path) as run:
        readings, training = run.tree["readings"], run.tree["training"]
        assert readings.batch.values.tolist() == list(range(0, 4 * NODES, 3))
        loss = training.loss.sel(batch=readings.batch)
        assert loss.shape == readings.batch.shape
        np.testing.assert_array_equal(
            readings.forces.sel(batch=9).values, small_runs.force_reading(9).forces
        )


def test_position_readings_are_kept_with_their_durations(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan(reading="position")) as writer:
        writer.append(**small_runs.rows(0))
        for row in range(NODES):
            writer.append_reading(row=row, reading=small_runs.position_reading(row))
        writer.append(**small_runs.rows(1))
        with pytest.raises(InvalidInput, match="a ForceReading has no duration"):
            writer.append_reading(row=NODES, reading=small_runs.force_reading(0))
    with open_run(path) as run:
        readings = run.tree["readings"]
        assert readings.duration.values.tolist() == [0.25] * NODES
        for name in ("set_points", "start", "end"):
            expected = getattr(small_runs.position_reading(2), name)
            np.testing.assert_array_equal(readings[name].values[2], expected)


def test_a_short_batch_is_filled_up_and_a_long_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    short = small_runs.force_reading(0, shots=5)
    with RunWriter.create(path, small_runs.plan()) as writer:
        writer.append(**small_runs.rows(0))
        writer.append_reading(row=0, reading=short)
        with pytest.raises(InvalidInput, match=r"shape \(9, 9\)"):
            writer.append_reading(row=1, reading=small_runs.force_reading(1, shots=9))
    with open_run(path) as run:
        forces = run.tree["readings"].forces.values[0]
        np.testing.assert_array_equal(forces[:5], short.forces)
        assert np.isnan(forces[5:]).all()


def test_readings_out_of_order_are_refused(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run.h5", small_runs.plan()) as writer:
        writer.append(**small_runs.rows(0))
        writer.append_reading(row=2, reading=small_runs.force_reading(2))
        writer.commit()
        for row in (2, 1, -1, NODES):
            with pytest.raises(InvalidInput, match=f"batch {row} come out of order"):
                writer.append_reading(row=row, reading=small_runs.force_reading(0))
        writer.append_reading(row=3, reading=small_runs.force_reading(3))


def test_two_runs_of_one_name_never_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    create_durably(path, b"another's")
    with pytest.raises(FileExistsError):
        create_durably(path, b"mine")
    assert path.read_bytes() == b"another's"
    assert [left.name for left in tmp_path.iterdir()] == ["run.h5"]


def test_readings_of_a_converter_are_kept_as_its_codes(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    step = 20.0 / 2**16
    reading = small_runs.force_reading(0)
    forces = (np.rint(reading.forces / step) * step).astype(np.float64)
    forces[0, 0] = np.nan
    coded = dataclasses.replace(reading, forces=forces)
    plan = small_runs.plan(
        codings={"forces": Coding(step)}, channels=(Channel("ai0", 2.0, 0.5, "V"),) * 9
    )
    with RunWriter.create(path, plan) as writer:
        writer.append(**small_runs.rows(0))
        writer.append_reading(row=0, reading=coded)
        too_far = dataclasses.replace(reading, forces=forces + 11.0)
        with pytest.raises(InvalidInput, match=r"beyond the -9\.99"):
            writer.append_reading(row=1, reading=too_far)
    with h5py.File(path) as file:
        stored = file["entry/readings/forces"]
        assert stored.dtype == np.int16
        assert stored.attrs["scale_factor"] == step
        assert file["entry/readings/forces_scaling_factor"][()] == step
    with open_run(path) as run:
        found = run.tree["readings"].forces.values[0]
        np.testing.assert_allclose(found, forces, rtol=0, atol=1e-12)
        assert run.tree["channels"].units.values.tolist() == ["V"] * 9


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


@pytest.mark.parametrize("name", ["drag", "stiffness"])
def test_a_term_of_one_s_own_cannot_be_rebuilt_and_says_so(tmp_path: Path, name: str) -> None:
    own = PolynomialTerm(name, (Monomial(3.0, (2,)),), STIFFNESS.placement)
    potential = Potential(lattice(2, 2, 1.0), ["bias", own])
    path = tmp_path / "run.h5"
    plan = small_runs.plan(description=small_runs.description(potential), checkpoint={})
    zeros = np.zeros((NODES, potential.parameters))
    with RunWriter.create(path, plan) as writer:
        writer.write_protocol(Protocol(potential, small_runs.SCHEDULE, zeros, plan.noising))
    with open_run(path) as run:
        assert run.tree["protocol"].parameters.shape == zeros.shape
        with pytest.raises(InvalidInput, match=f"has the term {name}, which is not"):
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


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("x"), "failed"), (KeyboardInterrupt(), "interrupted"), (None, "finished")],
)
def test_how_a_run_ended_is_kept(tmp_path: Path, error: Any, status: str) -> None:
    path = tmp_path / "run.h5"
    try:
        with RunWriter.create(path, small_runs.plan()) as writer:
            writer.append(**small_runs.rows(0))
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    with open_run(path) as run:
        assert run.status == status
        assert run.n_committed == NODES


def test_a_run_goes_on_in_a_new_segment_by_size_and_by_time(tmp_path: Path) -> None:
    for name, rotation in (
        ("size", Rotation(most_bytes=0)),
        ("time", Rotation(most_seconds=0.0)),
    ):
        path = tmp_path / f"{name}.h5"
        writer = RunWriter.create(path, small_runs.plan(), rotation=rotation)
        small_runs.write_steps(writer, 0, 4)
        sealed = sorted(each.name for each in (tmp_path / f"{name}.segments").iterdir())
        assert sealed == ["0001.h5", "0002.h5", "0003.h5", "0004.h5.part"]
        with h5py.File(tmp_path / f"{name}.segments" / "0002.h5") as file:
            assert file["entry/segment/reason"][()].rstrip(b"\0").decode() == name
            assert file["entry/segment/first_row"][()] == 2 * NODES
        writer.close()
        with open_run(path) as run:
            small_runs.check_rows(run, 4 * NODES)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows names no file that is open")
def test_no_reader_sees_a_file_before_it_is_in_swmr_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that opened it earlier would lock the writer out."""
    named: list[Path] = []

    def look_and_take_name(draft: Path, path: Path) -> None:
        assert read_superblock(draft).is_shared
        assert not path.exists()
        named.append(path)
        take_name(draft, path)

    monkeypatch.setattr("oscilab.traces.segment.take_name", look_and_take_name)
    with RunWriter.create(tmp_path / "run.h5", small_runs.plan()) as writer:
        small_runs.write_steps(writer, 0, 2)
        writer.rotate()
        small_runs.write_steps(writer, 2, 3)
    assert [path.name for path in named] == ["run.h5", "0001.h5.part"]


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


@pytest.mark.slow
def test_a_commit_that_is_interrupted_anywhere_is_repeated_whole(tmp_path: Path) -> None:
    """A KeyboardInterrupt between any two lines of a commit leaves the rows once each."""
    count = 1
    while True:
        path = tmp_path / f"{count}.h5"
        writer = RunWriter.create(path, small_runs.plan(shots=small_runs.SHOTS))
        small_runs.write_steps(writer, 0, 2)
        writer.append(**small_runs.rows(2))
        for row in range(2 * NODES, 3 * NODES):
            writer.append_reading(row=row, reading=small_runs.force_reading(row))
        finished = interrupt_after(count, writer.commit)
        writer.close("interrupted")
        with open_run(path) as run:
            small_runs.check_rows(run, 3 * NODES)
            assert run.n_committed == 3 * NODES
        if finished:
            break
        count += 13
    assert count > 50


def interrupt_after(lines: int, action: Any) -> bool:
    """Raise KeyboardInterrupt after so many lines of oscilab's code; whether it got through."""
    left = lines

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal left
        if "oscilab" not in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return False
    finally:
        sys.settrace(before)
    return True


def test_importing_and_opening_take_no_heavy_library() -> None:
    code = (
        "import sys, oscilab.traces.writer, oscilab.traces.run\n"
        "heavy = {'xarray', 'matplotlib', 'numba', 'scipy', 'pandas', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_provenance_collects_versions_and_the_commit() -> None:
    collected = Provenance.collect(Identity("a", "b", simulated=False), parent="p.h5")
    assert collected.simulated is False
    assert collected.parent == "p.h5"
    assert collected.versions["numpy"] == np.__version__
    if (Path(__file__).parents[2] / ".git").exists():
        assert len(collected.git_commit.removesuffix("-dirty")) == 40


def test_a_run_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = small_runs.write_run(tmp_path / "run.h5", 1)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = np.int32(2)
    with pytest.raises(InvalidInput, match="has format 2, and this oscilab reads up to 1"):
        open_run(path)


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
