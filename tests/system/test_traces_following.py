"""Reading a run while another process writes it."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import small_runs

from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

NODES = small_runs.NODES
FOLLOWED = 50
"""Steps of the live run, which then stays open."""


def write_on(path: Path, started: Any) -> None:
    with RunWriter.create(path, small_runs.plan()) as writer:
        for step in range(FOLLOWED):
            small_runs.write_steps(writer, step, step + 1)
            if step == 1:
                started.set()
            if step % 5 == 4:
                writer.rotate()
            time.sleep(0.005)
        time.sleep(600)


def test_a_live_run_is_followed_until_its_writer_dies(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=write_on, args=(path, started))
    process.start()
    try:
        assert started.wait(200)
        with open_run(path) as run:
            seen = run.n_committed
            while seen < FOLLOWED * NODES:
                run.refresh()
                assert (run.status, run.damage) == ("running", [])
                small_runs.check_rows(run, seen)
                seen = run.n_committed
            process.kill()
            process.join()
            run.refresh()
            assert run.status == "torn"
            small_runs.check_rows(run, seen)
    finally:
        process.kill()
        process.join()
