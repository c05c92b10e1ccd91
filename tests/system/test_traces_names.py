"""What a run file may be called, and which files beside it are its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.traces.export import export
from oscilab.traces.repair import repair
from oscilab.traces.run import open_run
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
