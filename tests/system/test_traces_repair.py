"""Reading and repair of torn, truncated and damaged files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.traces.paths import segment_files, segment_folder
from oscilab.traces.probe import probe
from oscilab.traces.repair import repair
from oscilab.traces.run import open_run
from oscilab.traces.segments import Rotation
from oscilab.traces.writer import RunWriter

STEPS = 30
NODES = small_runs.NODES


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_run(tmp_path_factory.mktemp("whole") / "run.h5", STEPS)


def in_pieces(folder: Path) -> Path:
    """Write an interrupted run of four segments, the last two with 10 and 5 steps."""
    path = folder / "run.h5"
    writer = RunWriter.create(path, small_runs.plan(), rotation=Rotation(most_seconds=1e9))
    for start, stop in ((0, 5), (5, 15), (15, 25), (25, 30)):
        small_runs.write_steps(writer, start, stop)
        if stop < STEPS:
            writer.rotate()
    writer.close("interrupted")
    return path


def digests(path: Path) -> dict[str, str]:
    parts = [path, *segment_files(segment_folder(path))]
    return {part.name: hashlib.sha256(part.read_bytes()).hexdigest() for part in parts}


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.9, 0.99, 0.9999])
def test_a_file_that_is_cut_short_is_refused_and_repaired_as_far_as_it_goes(
    finished: Path, tmp_path: Path, share: float
) -> None:
    path = tmp_path / "cut.h5"
    whole = finished.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InvalidInput) as refused:
        open_run(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    if share <= 0.1:
        with pytest.raises(InvalidInput, match=r"damaged beyond reading|not an HDF5 file"):
            repair(path)
        return
    repaired = repair(path)
    assert repaired.lost
    assert path.read_bytes() == whole[: int(share * len(whole))]
    with open_run(repaired.path) as run:
        kept = run.n_committed
        training = run.tree["training"]
        np.testing.assert_array_equal(
            training.loss.values,
            np.concatenate([[], *(small_runs.rows(step)["loss"] for step in range(STEPS))])[:kept],
        )
        for row, forces in zip(
            run.tree["readings"].batch.values, run.tree["readings"].forces.values, strict=True
        ):
            np.testing.assert_array_equal(forces, small_runs.force_reading(int(row)).forces)


def test_a_cut_takes_the_last_readings_first(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.h5"
    path.write_bytes(finished.read_bytes()[:-3000])
    with open_run(repair(path).path) as run:
        assert run.n_committed == STEPS * NODES
        assert STEPS * NODES - 20 < len(run.tree["readings"].batch) < STEPS * NODES
        assert run.figures == {"sliced_wasserstein": 0.125}
        small_runs.check_checkpoint(run, 20)


def test_pieces_are_joined_in_place_when_nothing_is_lost(tmp_path: Path) -> None:
    path = in_pieces(tmp_path)
    assert len(segment_files(segment_folder(path))) == 3
    repaired = repair(path)
    assert repaired.path == path
    assert repaired.lost == []
    assert f"{STEPS * NODES} measured batches" in repaired.kept
    assert not segment_folder(path).exists()
    with h5py.File(path, "r") as file:
        assert file["entry/training/n_committed"][()] == STEPS * NODES
        assert file["entry/segments/rows"][:].tolist() == [25, 50, 50, 25]
    with open_run(path) as run:
        assert run.status == "interrupted"
        small_runs.check_rows(run, STEPS * NODES)
        small_runs.check_checkpoint(run, 20)


def test_a_joined_run_resumes_and_finishes(tmp_path: Path) -> None:
    path = in_pieces(tmp_path)
    repair(path)
    with RunWriter.resume(path) as writer:
        assert writer.rows == 21 * NODES
        small_runs.write_steps(writer, 21, 40)
        small_runs.write_end(writer, 40)
    with open_run(path) as run:
        assert run.status == "finished"
        small_runs.check_rows(run, 40 * NODES)


def test_a_spoilt_segment_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    path = in_pieces(tmp_path)
    spoilt = segment_files(segment_folder(path))[1]
    spoilt.write_bytes(bytes(1000))
    before = digests(path)
    with open_run(path) as run:
        assert [each.path for each in run.damage] == [spoilt]
        assert run.n_committed == (5 + 10 + 5) * NODES
    repaired = repair(path)
    assert repaired.path == tmp_path / "run.repaired.h5"
    assert [str(spoilt) in sentence for sentence in repaired.lost] == [True]
    assert digests(path) == before
    with open_run(repaired.path) as run:
        steps = [*range(15), *range(25, 30)]
        assert run.tree["training"].step.values.tolist() == np.repeat(steps, NODES).tolist()
        batches = run.tree["training"].batch.values
        assert batches.tolist() == [*range(75), *range(125, 150)]


def test_a_further_segment_never_takes_a_spoilt_one_s_place(tmp_path: Path) -> None:
    path = in_pieces(tmp_path)
    spoilt = segment_files(segment_folder(path))[-1]
    spoilt.write_bytes(bytes(1000))
    with RunWriter.resume(path) as writer:
        assert writer.rows == 21 * NODES
        small_runs.write_steps(writer, 21, 22)
        assert spoilt.read_bytes() == bytes(1000)
        writer.close("interrupted")


def test_reading_never_modifies_the_original(tmp_path: Path) -> None:
    path = in_pieces(tmp_path)
    before = digests(path)
    with open_run(path) as run:
        run.tree.load()
        run.checkpoint()
    assert digests(path) == before


def test_a_healthy_run_needs_no_repair(finished: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(finished, tmp_path / "run.h5"))
    before = digests(path)
    repaired = repair(path)
    assert (repaired.path, repaired.lost) == (path, [])
    assert digests(path) == before


def test_a_run_that_is_being_written_is_not_repaired(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with (
        RunWriter.create(path, small_runs.plan()),
        pytest.raises(InvalidInput, match="is being written"),
    ):
        repair(path)


def test_a_repair_does_not_overwrite(tmp_path: Path, finished: Path) -> None:
    path = in_pieces(tmp_path)
    with pytest.raises(InvalidInput, match="exists; remove it"):
        repair(path, finished)


def test_a_probe_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    path = in_pieces(tmp_path)
    finding = probe([path], timeout=0.001)[0]
    assert not finding.live
    assert "took more than 0.001 s" in finding.unreadable


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.h5", None, "No such file"),
        ("empty.h5", b"", "is not an HDF5 file"),
        ("text.h5", b"loss,1.0\n" * 100, "is not an HDF5 file"),
    ],
)
def test_what_is_no_run_is_refused(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=sentence):
        open_run(path)


def test_another_hdf5_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(InvalidInput, match="no oscilab run"):
        open_run(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_run(tmp_path)
