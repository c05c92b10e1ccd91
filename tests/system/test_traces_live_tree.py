"""The lazy tree of a run and its export, while the run is being written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.traces.export import export
from oscilab.traces.plots import need
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

STREAMS = ("training", "readings", "history", "trajectory")


def write_state(writer: RunWriter, step: int) -> None:
    writer.checkpoint(step, small_runs.parameters(step), small_runs.state(step))


def test_the_tree_of_a_live_run_shows_a_whole_state_or_says_that_it_is_gone(
    tmp_path: Path,
) -> None:
    """A slot whose chunk is unknown to the open file would read as zeros."""
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan()) as writer:
        small_runs.write_steps(writer, 1, 2)
        write_state(writer, 7)
        with open_run(path) as run:
            state: Any = run.tree["checkpoint"]
            slot = int(state["current"])
            np.testing.assert_array_equal(state["parameters"][slot], small_runs.parameters(7))
            write_state(writer, 8)
            assert int(state["step"][int(state["current"])]) == 7
            with pytest.raises(InvalidInput, match=r"of step 7 .* replaced .* refresh the run"):
                state["velocity"].load()
            run.refresh()
            state = run.tree["checkpoint"]
            slot = int(state["current"])
            for name, values in small_runs.state(8).items():
                np.testing.assert_array_equal(state[name][slot], values)


def test_an_export_of_a_run_that_makes_checkpoints_holds_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan()) as writer:
        small_runs.write_steps(writer, 1, 2)
        write_state(writer, 7)
        with open_run(path) as run:
            write_state(writer, 8)
            out = export(run, "netcdf", tmp_path / "copy.nc")
        with open_run(out) as copy:
            small_runs.check_checkpoint(copy, 8)
            tree: Any = copy.tree["checkpoint"]
            np.testing.assert_array_equal(tree["step"][int(tree["current"])], 8)


def test_the_counts_of_a_run_in_pieces_are_those_of_all_its_files(tmp_path: Path) -> None:
    """Its playbacks are in the last file; the first file has none."""
    path = tmp_path / "run.h5"
    writer = RunWriter.create(path, small_runs.plan(), rotation=small_runs.FEW_ROWS)
    small_runs.write_steps(writer, 0, 3)
    small_runs.write_end(writer, 3)
    writer.close("failed")
    with open_run(path) as run:
        assert len(run.sources) > 1
        tree: Any = run.tree
        counts = {name: int(tree[name]["n_committed"]) for name in STREAMS}
        assert counts == {name: run.extent.total(name) for name in STREAMS}
        assert counts["trajectory"] == small_runs.COPIES
        need(run, "trajectory", "played copies")
