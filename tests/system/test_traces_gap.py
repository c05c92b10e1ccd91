"""A run of which one file in the middle cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import small_runs

from oscilab.live.history import read_history
from oscilab.traces.paths import segment_files, segment_folder
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter


def test_viewers_show_the_last_reading_of_a_run_that_lacks_rows_before_it(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    writer = RunWriter.create(path, small_runs.plan(), rotation=small_runs.FEW_ROWS)
    small_runs.write_steps(writer, 0, 4)
    small_runs.write_end(writer, 4)
    writer.close("failed")
    spoilt = segment_files(segment_folder(path))[0]
    spoilt.write_bytes(spoilt.read_bytes()[:5000])
    with open_run(path) as run:
        tree: Any = run.tree
        assert [each.path for each in run.damage] == [spoilt]
        assert len(tree["training"].batch) < int(tree["readings"].batch[-1]) + 1
    (reading,) = [each for each in read_history(path) if each.kind == "reading"]
    assert reading.body == {"node": small_runs.NODES - 1, "step": 3}
