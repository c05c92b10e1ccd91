"""A run with an unreadable file in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import small_runs

from oscilab.live.session import read_history
from oscilab.traces.paths import segment_files, segment_folder
from oscilab.traces.repair import repair
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter


def spoil_one_in_the_middle(path: Path) -> Path:
    spoilt = segment_files(segment_folder(path))[0]
    spoilt.write_bytes(spoilt.read_bytes()[:5000])
    return spoilt


def test_viewers_show_the_last_reading_of_a_run_that_lacks_rows_before_it(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    writer = RunWriter.create(path, small_runs.plan(), rotation=small_runs.FEW_ROWS)
    small_runs.write_steps(writer, 0, 4)
    small_runs.write_end(writer, 4)
    writer.close("failed")
    spoilt = spoil_one_in_the_middle(path)
    with open_run(path) as run:
        tree: Any = run.tree
        assert [each.path for each in run.damage] == [spoilt]
        assert len(tree["training"].batch) < int(tree["readings"].batch[-1]) + 1
    (reading,) = [each for each in read_history(path) if each.kind == "reading"]
    assert reading.body == {"node": small_runs.NODES - 1, "step": 3}


def test_a_run_that_ends_keeps_what_cannot_be_read_of_it(tmp_path: Path) -> None:
    """Joining the rest would delete the file, which other tools may be able to read."""
    path = tmp_path / "run.h5"
    writer = RunWriter.create(path, small_runs.plan(), rotation=small_runs.FEW_ROWS)
    small_runs.write_steps(writer, 0, 4)
    spoilt = spoil_one_in_the_middle(path)
    before = spoilt.read_bytes()
    writer.close()
    assert spoilt.read_bytes() == before
    assert "was not joined into one file" in writer.troubles[0]
    assert str(spoilt) in writer.troubles[0]
    with open_run(path) as run:
        assert run.status == "finished"


def test_a_file_that_is_cut_behind_all_that_counts_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    writer = RunWriter.create(path, small_runs.plan())
    small_runs.write_steps(writer, 0, 2)
    writer.close("interrupted")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    done = repair(path)
    assert (done.path, done.lost) == (path, [])
    with open_run(path) as run:
        small_runs.check_rows(run, 2 * small_runs.NODES)
