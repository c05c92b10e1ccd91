"""Measure the time to inspect a large run.

    python benchmarks/large_run.py [FOLDER] [GIGABYTES]

Writes a run of that size (default: 10 GB, to a temporary folder) as training does, and prints the
times of `oscilab traces info` and `oscilab traces list`, process start included, and of `open_run`
without imports, once for the run in segments and once joined. The run is removed at the end.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from logging_rate import append_rows, plan, readings

from oscilab.traces.join import join_run
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

SHOTS = 1000
ROUNDS = 5


def write(path: Path, gigabytes: float) -> None:
    """Write training batches of 144 oscillators, 1.7 MB each, in segments of 1 GiB."""
    taken = readings(SHOTS)
    size = sum(each.nbytes for each in (taken[0].set_points, taken[0].positions, taken[0].forces))
    writer = RunWriter.create(path, plan(SHOTS))
    for number in range(int(gigabytes * 1e9 / size)):
        append_rows(writer, number, 1)
        writer.append_reading(row=number, reading=taken[number % len(taken)])
        writer.commit()
    writer.close("interrupted")


def seconds(action: Callable[[], object]) -> str:
    """Return the median and the longest time of a few rounds as text."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begin)
    return f"median {sorted(taken)[ROUNDS // 2]:.2f} s, longest {max(taken):.2f} s"


def command(*arguments: str) -> None:
    """Run `oscilab traces ...` in a process."""
    subprocess.run(
        [sys.executable, "-m", "oscilab", "traces", *arguments], check=True, capture_output=True
    )


def look(path: Path, title: str) -> None:
    """Time everything that inspects the run."""
    with open_run(path) as run:
        held = f"{run.n_committed} batches in {len(run.sources)} file(s)"
    print(f"{title}: {held}")
    print(f"  oscilab traces info: {seconds(lambda: command('info', str(path)))}")
    print(f"  oscilab traces list: {seconds(lambda: command('list', str(path.parent)))}")
    print(f"  open_run:            {seconds(lambda: open_run(path).close())}")


def main() -> None:
    """Write, inspect, join, inspect."""
    parent = Path(sys.argv[1]) if sys.argv[1:] else None
    gigabytes = float(sys.argv[2]) if sys.argv[2:] else 10.0
    folder = Path(tempfile.mkdtemp(prefix="oscilab-benchmark-", dir=parent))
    try:
        path = folder / "run.h5"
        write(path, gigabytes)
        look(path, "in segments")
        begin = time.perf_counter()
        troubles = join_run(path, "finished")
        taken = time.perf_counter() - begin
        print(*troubles or [f"joined in {taken:.1f} s, {gigabytes / taken:.2f} GB/s"])
        look(path, "joined")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
