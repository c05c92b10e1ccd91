"""Names of run files, and which files beside a run belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.traces.export import export
from oscilab.traces.repair import repair
from oscilab.traces.run import Continuation, Run, open_run
from oscilab.traces.writer import RunWriter


@pytest.mark.parametrize("name", ["run.png", "run.segments", "run.ballast", "run", ".", ".h5"])
def test_a_run_file_that_its_own_picture_could_replace_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(InvalidInput, match=r"must be named with \.h5 at the end, such as"):
        RunWriter.create(tmp_path / name if name != "." else Path(), small_runs.plan())
    assert not list(tmp_path.iterdir())


def test_what_was_exported_beside_a_run_does_not_take_its_segments(tmp_path: Path) -> None:
    """Repairing the export would delete them."""
    path, out = tmp_path / "run.h5", tmp_path / "run.nc"
    writer = RunWriter.create(path, small_runs.plan(), rotation=small_runs.FEW_ROWS)
    small_runs.write_steps(writer, 0, 3)
    with open_run(path) as run:
        export(run, "netcdf", out)
    small_runs.write_steps(writer, 3, 5)
    writer.close("interrupted")
    with open_run(out) as copy:
        assert copy.n_committed == 3 * small_runs.NODES
    assert repair(out).healthy
    with open_run(path) as run:
        small_runs.check_rows(run, 5 * small_runs.NODES)


def test_of_two_that_resume_a_run_at_once_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both see that it is interrupted, and would write their own segments."""
    path = tmp_path / "run.h5"
    writer = RunWriter.create(path, small_runs.plan())
    small_runs.write_steps(writer, 0, 2)
    writer.close("interrupted")
    first: list[RunWriter] = []

    def overtaken(run: Run) -> Continuation:
        monkeypatch.undo()
        first.append(RunWriter.resume(path))
        return run.continuation()

    monkeypatch.setattr(Run, "continuation", overtaken)
    with pytest.raises(InvalidInput, match="is being resumed by another process"):
        RunWriter.resume(path)
    first[0].close()
    with open_run(path) as run:
        assert run.status == "finished"


def test_a_users_own_modules_beside_a_live_run_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live file is read in a process, and Python would import from its working folder."""
    (tmp_path / "json.py").write_text("raise SystemExit('not the one')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with RunWriter.create("run.h5", small_runs.plan()) as writer:
        small_runs.write_steps(writer, 0, 1)
        with open_run("run.h5") as run:
            assert (run.status, run.n_committed) == ("running", small_runs.NODES)
