"""Fill small file systems under a writer; run as a program in a separate mount namespace.

    unshare --map-root-user --mount python filling_disk.py FOLDER TIMES [KIND]

Each time a new file system of 16 MB (KIND tmpfs, the default, or ext4 in a file, which only root
can mount and which allocates late) fills up at a different time. In even rounds space is freed at
once and the run continues. In odd ones it stays full until nothing can be written, and the run is
resumed after space is freed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_runs

from oscilab.errors import OscilabError
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

STEPS = 60
BLOCK = 4096


def fill(folder: Path, leave: int) -> Path:
    """Fill all space except `leave` bytes, and return the file."""
    filler = folder / "filler"
    free = os.statvfs(folder)
    # A file system may need some of its free blocks for itself.
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for _ in range(max(0, free.f_bavail * free.f_bsize - leave) // BLOCK):
            file.write(bytes(BLOCK))
    return filler


def space_comes_back(folder: Path, rng: np.random.Generator) -> None:
    path = folder / "run.h5"
    full_at = int(rng.integers(2, 30))
    with RunWriter.create(path, small_runs.plan()) as writer:
        small_runs.write_steps(writer, 0, full_at)
        filler = fill(folder, int(rng.integers(0, 40_000)))
        step = full_at
        while not writer.troubles and step < STEPS:
            small_runs.write_steps(writer, step, step + 1)
            step += 1
        assert writer.troubles, "the file system was not full"
        assert "No space left on device" in writer.troubles[0]
        filler.unlink()
        small_runs.write_steps(writer, step, STEPS)
        small_runs.write_end(writer, STEPS)
    assert not folder.joinpath("run.segments").exists(), "a finished run is one file"


def write_until_full(folder: Path, rng: np.random.Generator, committed: list[int]) -> None:
    with RunWriter.create(folder / "run.h5", small_runs.plan()) as writer:
        full_at = int(rng.integers(12, 30))
        small_runs.write_steps(writer, 0, full_at)
        fill(folder, int(rng.integers(0, 40_000)))
        for step in range(full_at, 100_000):
            committed.append(writer.rows)
            small_runs.write_steps(writer, step, step + 1)


def space_stays_away(folder: Path, rng: np.random.Generator) -> None:
    path = folder / "run.h5"
    committed: list[int] = []
    with pytest.raises(OscilabError, match="No space left on device"):
        write_until_full(folder, rng, committed)
    with open_run(path) as run:
        small_runs.check_rows(run, committed[-1])
    folder.joinpath("filler").unlink()
    with RunWriter.resume(path) as writer:
        start = writer.rows // small_runs.NODES
        small_runs.write_steps(writer, start, start + 5)
        small_runs.write_end(writer, STEPS)


def mount(place: Path, kind: str) -> None:
    place.mkdir()
    if kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], check=True)
        return
    image = place.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)


def main(folder: Path, times: int, kind: str = "tmpfs") -> None:
    for number in range(times):
        place = folder / str(number)
        mount(place, kind)
        rng = np.random.default_rng([7, number])
        (space_stays_away if number % 2 else space_comes_back)(place, rng)
        with open_run(place / "run.h5") as run:
            assert run.status == "finished"
            small_runs.check_rows(run, 0)
            assert run.figures
            print(number, run.n_committed, run.tree["segments"].rows.values.tolist())
        subprocess.run(["umount", str(place)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
