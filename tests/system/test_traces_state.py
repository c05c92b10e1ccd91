"""The training state of a run is read completely while its writer replaces it."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.traces import state
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

STEPS = 500


def write_state(writer: RunWriter, step: int) -> None:
    writer.checkpoint(step, small_runs.parameters(step), small_runs.state(step))


def test_a_run_that_is_open_shows_states_that_came_later(tmp_path: Path) -> None:
    """Also if the file had no place for a state when it was opened."""
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan()) as writer, open_run(path) as run:
        assert not run.has_checkpoint
        for step in range(4):
            small_runs.write_steps(writer, step, step + 1)
            write_state(writer, step)
            small_runs.check_checkpoint(run, step)
        small_runs.write_end(writer, 4)
        np.testing.assert_array_equal(run.protocol().parameters, small_runs.parameters(4))


def test_a_slot_that_is_left_and_filled_anew_between_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step is written first, so for a moment the slot has a new step and an old state."""
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan()) as writer:
        write_state(writer, 1)
        look, overtaking = state.current_slot, iter([2, 3, 4])

        def look_and_be_overtaken(entry: Any) -> int:
            slot = look(entry)
            for step in islice(overtaking, 1):
                write_state(writer, step)
                # Up to the first array of the next state.
                group = writer._segments.current._entry["checkpoint"]
                group["step"][slot] = step + 1
                group.file.flush()
            return slot

        with open_run(path) as run:
            assert run.has_checkpoint
            monkeypatch.setattr(state, "current_slot", look_and_be_overtaken)
            small_runs.check_checkpoint(run, 4)


@pytest.mark.slow
def test_a_state_that_is_replaced_all_the_time_is_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    done = threading.Event()

    def write() -> None:
        for step in range(1, STEPS):
            write_state(writer, step)
        done.set()

    with RunWriter.create(path, small_runs.plan()) as writer:
        write_state(writer, 0)
        thread = threading.Thread(target=write)
        read, refusals = 0, set[str]()
        with open_run(path) as run:
            thread.start()
            while not done.is_set() or not read:
                try:
                    small_runs.check_checkpoint(run, 0)
                    read += 1
                except InvalidInput as error:
                    refusals.add(str(error).partition("; ")[0])
            thread.join()
            small_runs.check_checkpoint(run, STEPS - 1)
        assert all(it.endswith("was replaced in each of 5 attempts to read it") for it in refusals)


def test_a_run_that_was_joined_meanwhile_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    writer = RunWriter.create(path, small_runs.plan(), rotation=small_runs.FEW_ROWS)
    small_runs.write_steps(writer, 0, 3)
    write_state(writer, 2)
    with open_run(path) as run:
        small_runs.write_end(writer, 3)
        writer.close()
        with pytest.raises(InvalidInput, match=r"was joined with others .*; open the run again"):
            run.checkpoint()
