"""A killed writer loses nothing that it had committed."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.traces import opening
from oscilab.traces.hdf5 import h5py
from oscilab.traces.liveness import is_alive, process_start
from oscilab.traces.probe import Finding
from oscilab.traces.run import open_run
from oscilab.traces.segments import Rotation
from oscilab.traces.view import open_view
from oscilab.traces.writer import RunWriter

STEPS = 40
SMALL = Rotation(most_seconds=0.04)
METHOD = "spawn" if sys.platform == "win32" else "forkserver"


def write_and_count(path: Path, counter: Any, stage: Any, started: Any) -> None:
    started.set()
    with RunWriter.create(path, small_runs.plan(), rotation=SMALL) as writer:
        stage.value = 1
        small_runs.write_steps(writer, 0, STEPS, counter)
        small_runs.write_end(writer, STEPS)
        stage.value = 2
    stage.value = 3


@pytest.fixture(scope="module")
def context() -> Any:
    made = multiprocessing.get_context(METHOD)
    if METHOD == "forkserver":
        made.set_forkserver_preload(["small_runs", "h5py"])
    return made


def killed(
    context: Any, path: Path, rows: int = 0, stage: int = 0, delay: float = 0.0
) -> tuple[int, int]:
    """Write a run and kill the writer; return the acknowledged rows and stage.

    The kill comes `delay` seconds after the writer has started and acknowledged `rows` and `stage`.
    """
    counter, reached = context.RawValue("q", 0), context.RawValue("i", 0)
    started = context.Event()
    process = context.Process(target=write_and_count, args=(path, counter, reached, started))
    process.start()
    started.wait()
    while (counter.value < rows or reached.value < stage) and process.is_alive():
        time.sleep(0.0005)
    process.join(delay)
    process.kill()
    process.join()
    process.close()
    return counter.value, reached.value


def kill_often(context: Any, folder: Path, moments: list[dict[str, Any]]) -> None:
    """Kill a writer at each moment, and read the files that it leaves."""
    for number, moment in enumerate(moments):
        path = folder / f"{number}.h5"
        rows, stage = killed(context, path, **moment)
        assert rows >= moment.get("rows", 0)
        if stage == 0 and not path.exists():
            continue
        with open_run(path) as run:
            assert not run.damage
            assert run.status == "finished" if stage == 3 else run.status in ("torn", "finished")
            small_runs.check_rows(run, rows)
            # The state after step 10 k belongs to the rows up to and including that step.
            steps = rows // small_runs.NODES
            if steps > 1:
                small_runs.check_checkpoint(run, (steps - 2) // 10 * 10)
            if stage >= 2:
                assert run.figures == {"sliced_wasserstein": 0.125}
                np.testing.assert_array_equal(
                    run.protocol().parameters, small_runs.parameters(STEPS)
                )


WHOLE = STEPS * small_runs.NODES


def test_a_writer_killed_at_6_moments_loses_nothing(context: Any, tmp_path: Path) -> None:
    while_writing = [{"rows": int(part * WHOLE)} for part in (0.05, 0.5, 0.9)]
    before_and_after = [{"delay": 0.01}, {"rows": WHOLE}, {"stage": 2}]
    kill_often(context, tmp_path, [*while_writing, *before_and_after])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_writer_killed_at_100_random_moments_loses_nothing(context: Any, tmp_path: Path) -> None:
    """Moments are anywhere in a row, and include creation of the file and sealing of the end."""
    rng = np.random.default_rng(2)
    rows = rng.integers(0, WHOLE, 100, endpoint=True)
    delays = rng.uniform(0, 0.02, 100)
    moments = [{"rows": int(r), "delay": float(d)} for r, d in zip(rows, delays, strict=True)]
    kill_often(context, tmp_path, moments)


def write_and_wait(path: Path, stop: int, done: Any) -> None:
    writer = RunWriter.create(path, small_runs.plan(), rotation=SMALL)
    small_runs.write_steps(writer, 0, stop)
    done.set()
    time.sleep(60)


def write_one_file_and_wait(path: Path, done: Any) -> None:
    writer = RunWriter.create(path, small_runs.plan())
    small_runs.write_steps(writer, 0, 3)
    done.set()
    time.sleep(60)


def read_as_its_writer_dies(path: Path, writer: int, told: Any) -> None:
    look = opening.probe

    def look_then_kill(paths: list[Path]) -> list[Finding]:
        found = look(paths)
        assert found[0].live
        os.kill(writer, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        while is_alive(writer, process_start(writer), platform.node()):
            time.sleep(0.001)
        with open_view(path) as file:
            header = h5py.h5o.get_info(file["entry/training/loss"].id).addr
        with path.open("r+b") as file:
            # As if the writer had been killed during this write.
            file.seek(header + 100)
            file.write(b"torn")
        return found

    opening.probe = look_then_kill
    try:
        with open_run(path) as run:
            told.send(f"{run.tree['training'].loss.sum()} in {run}")
    except InvalidInput as error:
        told.send(str(error))


def test_a_writer_that_dies_over_a_write_while_its_file_is_opened_hangs_nobody(
    context: Any, tmp_path: Path
) -> None:
    path = tmp_path / "run.h5"
    done, (heard, told) = context.Event(), context.Pipe(duplex=False)
    writer = context.Process(target=write_one_file_and_wait, args=(path, done))
    writer.start()
    assert done.wait(200)
    reader = context.Process(target=read_as_its_writer_dies, args=(path, writer.pid, told))
    reader.start()
    assert heard.poll(50), "the reader hangs"
    assert "was not closed by its writer and cannot be read" in heard.recv()
    reader.join()
    writer.join()


def test_a_killed_run_resumes_after_its_last_checkpoint(context: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    done = context.Event()
    process = context.Process(target=write_and_wait, args=(path, 26, done))
    process.start()
    assert done.wait(200)
    process.kill()
    process.join()
    with open_run(path) as run:
        assert run.status == "torn"
        assert run.n_committed == 26 * small_runs.NODES
        step, _, _ = run.checkpoint()
        assert step == 20
    with RunWriter.resume(path) as writer:
        assert writer.rows == (step + 1) * small_runs.NODES
        small_runs.write_steps(writer, step + 1, STEPS)
        small_runs.write_end(writer, STEPS)
    with open_run(path) as run:
        assert run.status == "finished"
        assert run.n_committed == STEPS * small_runs.NODES
        small_runs.check_rows(run, run.n_committed)
        assert "resumed" in run.tree["segments"].reason.values.tolist()
        assert run.tree["history"].step.values.tolist() == list(range(0, STEPS, 10))
    assert not path.with_suffix(".segments").exists()


def test_a_run_that_is_being_written_reads_as_running_and_cannot_be_resumed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan()) as writer:
        small_runs.write_steps(writer, 0, 3)
        with open_run(path) as run:
            assert run.status == "running"
            small_runs.check_rows(run, 3 * small_runs.NODES)
        with pytest.raises(InvalidInput, match="is running and cannot be resumed"):
            RunWriter.resume(path)
        small_runs.write_steps(writer, 3, 5)
    with open_run(path) as run:
        assert run.status == "finished"
        small_runs.check_rows(run, 5 * small_runs.NODES)
