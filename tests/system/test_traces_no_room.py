"""Exports, repairs and results that do not fit on the disk, or are stopped, leave no files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.traces import export as exports
from oscilab.traces import join
from oscilab.traces import repair as repairs
from oscilab.traces.merge import write_joined
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

posix_only = pytest.mark.skipif(os.name == "nt", reason="limits of a process are POSIX's")
LIMITED = """
import resource, sys
from oscilab.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
sys.exit(main(sys.argv[1:]))
"""
RESULTS = """
import resource, sys
import numpy as np, small_runs
from oscilab.errors import OscilabError
from oscilab.traces.writer import RunWriter
writer = RunWriter.create(sys.argv[1], small_runs.plan())
small_runs.write_steps(writer, 0, 1)
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
try:
    writer.write_result(samples={"raw": np.ones((50_000, 9))}, figures={"a": 1.0})
except OscilabError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
writer.close("failed")
"""


def in_pieces(path: Path) -> Path:
    writer = RunWriter.create(path, small_runs.plan(), rotation=small_runs.FEW_ROWS)
    small_runs.write_steps(writer, 0, 3)
    writer.close("interrupted")
    return path


def python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@posix_only
def test_an_export_for_which_there_is_no_room_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """Otherwise HDF5 would crash at the end of a process that could not close a file."""
    path = in_pieces(tmp_path / "run.h5")
    before = names(tmp_path)
    done = python(LIMITED, "traces", "export", path)
    assert done.returncode == InvalidInput.exit_code, done
    expected = f"{path.with_suffix('.nc')} cannot be written: File too large; free some space"
    assert done.stderr.startswith(f"oscilab: {expected}")
    assert done.stderr.count("\n") == 1
    assert names(tmp_path) == before


@posix_only
def test_results_for_which_there_is_no_room_do_not_end_the_process(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    done = python(RESULTS, path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"results of run {path} cannot be written: File too large")
    assert not list(tmp_path.glob("run.segments/*.new"))
    with open_run(path) as run:
        assert (run.status, run.figures) == ("failed", {})
        small_runs.check_rows(run, small_runs.NODES)


@pytest.mark.parametrize("kind", ["netcdf", "csv"])
def test_an_export_that_is_stopped_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = in_pieces(tmp_path / "run.h5")
    before = names(tmp_path)
    monkeypatch.setitem(exports.EXPORTS, kind, stopped_after(exports.EXPORTS[kind]))
    with open_run(path) as run, pytest.raises(KeyboardInterrupt):
        exports.export(run, kind, tmp_path / "out")
    assert names(tmp_path) == before


def test_a_repair_that_is_stopped_leaves_the_run_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_pieces(tmp_path / "run.h5")
    before = {*names(tmp_path), *names(tmp_path / "run.segments")}
    for module in (repairs, join):
        monkeypatch.setattr(module, "write_joined", stopped_after(write_joined))
    for out in (None, tmp_path / "out.h5"):
        with pytest.raises(KeyboardInterrupt):
            repairs.repair(path, out)
        assert {*names(tmp_path), *names(tmp_path / "run.segments")} == before
    monkeypatch.undo()
    assert repairs.repair(path, tmp_path / "out.h5").lost == []


def test_pieces_that_cannot_be_joined_are_not_said_to_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_pieces(tmp_path / "run.h5")
    monkeypatch.setattr(join, "SPARE", 1 << 60)
    with pytest.raises(InvalidInput, match=r"was not joined into one file: .* MB are free"):
        repairs.repair(path)
    with open_run(path) as run:
        small_runs.check_rows(run, 3 * small_runs.NODES)


@pytest.mark.parametrize("command", ["plot", "export", "repair"])
def test_a_target_that_cannot_be_made_is_refused(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from oscilab.cli.main import main

    path = in_pieces(tmp_path / "run.h5")
    assert main(["traces", command, str(path), "--out", str(path / "out.nc")]) == 2
    assert "cannot be made: " in capsys.readouterr().err


def stopped_after(action: Callable[..., None]) -> Callable[..., None]:
    def stopped(*given: Any) -> None:
        action(*given)
        raise KeyboardInterrupt

    return stopped
