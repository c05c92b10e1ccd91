"""Measure how fast run files are written and recovered.

    python benchmarks/logging_rate.py [FOLDER]

FOLDER is on the disk to measure (default: a temporary one). Prints

- the rate of logging (SWMR, a flush per batch) and of plain writes of the same bytes to the same
  disk in the same rounds, for 144 channels of float32, without and with the final fsync, and the
  CPU time of both, which depends less on the machine's load;
- the time for a small batch of 40 kB;
- the time for a block of 25 rows without readings, as the simulated array delivers them;
- the time of `open_run` on a file whose writer was killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from oscilab.arrays import ArrayDescription, Capability, ForceReading, Identity
from oscilab.physics import Noising, ParameterBox, Potential, geometric, lattice
from oscilab.traces.plan import Provenance, RunPlan
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

ROWS, COLUMNS = 12, 12
CHANNELS = ROWS * COLUMNS
LARGE_SHOTS = 1000
SMALL_SHOTS = 24
LARGE_BATCHES = 200
SMALL_BATCHES = 2000
BLOCK = 25
ROUNDS = 15
RECOVERIES = 10
TORN_AFTER = 200
"""The row after which a writer is killed."""


def plan(shots: int, log_every: int = 1) -> RunPlan:
    """Return the plan of a training run on 144 channels."""
    potential = Potential(lattice(ROWS, COLUMNS, 1.5), ["bias", "stiffness", "quartic", "coupling"])
    reach = np.full(CHANNELS, 6.0)
    description = ArrayDescription(
        potential=potential,
        box=ParameterBox.of_ranges(potential),
        clamp_lower=-reach,
        clamp_upper=reach,
        capabilities=frozenset(Capability),
        identity=Identity("benchmark", "simulated"),
    )
    return RunPlan(
        kind="train",
        configuration={},
        description=description,
        schedule=geometric(BLOCK - 1, 0.01, 3.0),
        noising=Noising(),
        provenance=Provenance.collect(description.identity),
        shots=shots,
        log_every=log_every,
    )


def append_rows(writer: RunWriter, step: int, count: int) -> None:
    """Append rows without readings."""
    loss = np.full(count, 0.5)
    writer.append(
        step=step, node=np.arange(count), loss=loss, gradient_norm=loss, redrawn=0.0,
        projected=0.0, elapsed=float(step), status=0,
    )  # fmt: skip


def readings(shots: int) -> list[ForceReading]:
    """Return a few different batches, made before the timing starts."""
    rng = np.random.default_rng(0)
    return [
        ForceReading(*rng.normal(size=(3, shots, CHANNELS)).astype(np.float32)) for _ in range(8)
    ]


def log_batches(path: Path, shots: int, batches: int) -> tuple[float, float, list[float]]:
    """Return the seconds for all batches, the same with the closing fsync, and those per batch."""
    taken = readings(shots)
    writer = RunWriter.create(path, plan(shots))
    each: list[float] = []
    start = time.perf_counter()
    for number in range(batches):
        begin = time.perf_counter()
        append_rows(writer, number, 1)
        writer.append_reading(row=number, reading=taken[number % len(taken)])
        writer.commit()
        each.append(time.perf_counter() - begin)
    written = time.perf_counter() - start
    writer.close()
    return written, time.perf_counter() - start, each


def write_plainly(path: Path, shots: int, batches: int) -> tuple[float, float]:
    """Write the same bytes, three arrays per batch, by plain unbuffered writes."""
    taken = readings(shots)
    start = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for number in range(batches):
            reading = taken[number % len(taken)]
            for values in (reading.set_points, reading.positions, reading.forces):
                file.write(memoryview(values).cast("B"))
        written = time.perf_counter() - start
        os.fsync(file.fileno())
    return written, time.perf_counter() - start


def compare_rates(folder: Path) -> None:
    """Measure both in turn, so that other load on the machine affects both."""
    size = 3 * 4 * CHANNELS * LARGE_SHOTS * LARGE_BATCHES / 1e6
    ratios: list[tuple[float, float]] = []
    worked: list[tuple[float, float]] = []
    rates: list[tuple[float, float, float, float]] = []
    for number in range(ROUNDS + 1):
        begin = time.process_time()
        plain = write_plainly(folder / "plain", LARGE_SHOTS, LARGE_BATCHES)
        between = time.process_time()
        # Free the pages for the next file: allocating new ones can cost more than the write.
        (folder / "plain").unlink()
        start = time.process_time()
        logged = log_batches(folder / "run.h5", LARGE_SHOTS, LARGE_BATCHES)
        end = time.process_time()
        (folder / "run.h5").unlink()
        if not number:
            continue
        worked.append((between - begin, end - start))
        ratios.append((plain[0] / logged[0], plain[1] / logged[1]))
        rates.append((size / plain[0], size / logged[0], size / plain[1], size / logged[1]))
    ratio, rate = np.median(ratios, axis=0), np.median(rates, axis=0)
    work = np.median(worked, axis=0)
    print(f"{LARGE_BATCHES} batches of {LARGE_SHOTS} x {CHANNELS} float32 x 3, {size:.0f} MB")
    print(f"  to the system  plain {rate[0]:6.0f} MB/s  run {rate[1]:6.0f} MB/s  x{ratio[0]:.2f}")
    print(f"  to the disk    plain {rate[2]:6.0f} MB/s  run {rate[3]:6.0f} MB/s  x{ratio[1]:.2f}")
    print(
        f"  processor time plain {work[0]:6.2f} s     run {work[1]:6.2f} s     with opening, fsync"
    )


def print_times(title: str, seconds: list[float]) -> None:
    """Print one line of statistics."""
    values = 1e3 * np.array(seconds)
    print(
        f"{title}: mean {values.mean():.2f} ms, median {np.median(values):.2f} ms, "
        f"99 % below {np.quantile(values, 0.99):.2f} ms"
    )


def time_small_batches(folder: Path) -> None:
    """Time batches that are committed one by one."""
    _, _, each = log_batches(folder / "small.h5", SMALL_SHOTS, SMALL_BATCHES)
    print_times(f"batch of {3 * 4 * CHANNELS * SMALL_SHOTS / 1e3:.0f} kB", each)


def time_blocks(folder: Path) -> None:
    """Time blocks of the rows of a whole training step, without readings."""
    each: list[float] = []
    with RunWriter.create(folder / "blocks.h5", plan(1, log_every=0)) as writer:
        for step in range(SMALL_BATCHES):
            begin = time.perf_counter()
            append_rows(writer, step, BLOCK)
            writer.commit()
            each.append(time.perf_counter() - begin)
    print_times(f"block of {BLOCK} rows", each)


def write_forever(path: Path) -> None:
    """Write until killed."""
    taken = readings(SMALL_SHOTS)
    writer = RunWriter.create(path, plan(SMALL_SHOTS))
    for number in range(10**9):
        append_rows(writer, number, 1)
        writer.append_reading(row=number, reading=taken[number % len(taken)])
        writer.commit()
        if number == TORN_AFTER:
            print("written", flush=True)


def time_recovery(folder: Path) -> None:
    """Kill a writer, then time the opening of its file."""
    each: list[float] = []
    for number in range(RECOVERIES):
        path = folder / f"torn{number}.h5"
        child = subprocess.Popen(
            [sys.executable, __file__, "--write", str(path)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        if not child.stdout.readline():
            raise RuntimeError(f"the writer of {path} ended with code {child.wait()}")
        child.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        child.communicate()
        each.append(timed(lambda path=path: open_run(path).close()))
    print_times("open_run on a torn file", each)


def timed(action: Callable[[], None]) -> float:
    """Return the seconds that an action takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def main() -> None:
    """Run all measurements in a temporary folder."""
    if sys.argv[1:2] == ["--write"]:
        write_forever(Path(sys.argv[2]))
        return
    parent = Path(sys.argv[1]) if sys.argv[1:] else None
    folder = Path(tempfile.mkdtemp(prefix="oscilab-benchmark-", dir=parent))
    try:
        compare_rates(folder)
        time_small_batches(folder)
        time_blocks(folder)
        time_recovery(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
