"""Opening a run while its writer seals, rotates and joins its files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_runs

from oscilab.traces import opening, source
from oscilab.traces.paths import number_of, segment_files, segment_folder
from oscilab.traces.probe import inspect
from oscilab.traces.run import Run, open_run
from oscilab.traces.writer import RunWriter

STEPS = 4
MODULES = ("opening.py", "source.py", "paths.py", "superblock.py", "probe.py")


def probe_here(paths: list[Path]) -> list[Any]:
    return [inspect(path) for path in paths]


def open_while(path: Path, moment: int, action: Callable[[], None]) -> tuple[Run, bool]:
    """Open a run, and call `action` at function call number `moment` of the opening."""
    left = moment

    def count(frame: Any, event: str, _: Any) -> None:
        nonlocal left
        if event == "call" and Path(frame.f_code.co_filename).name in MODULES:
            left -= 1
            if left == 0:
                sys.setprofile(None)
                action()

    sys.setprofile(count)
    try:
        return open_run(path), left <= 0
    finally:
        sys.setprofile(None)


def rotate(writer: RunWriter) -> None:
    writer.rotate()
    small_runs.write_steps(writer, STEPS, STEPS + 1)


def finish(writer: RunWriter) -> None:
    small_runs.write_end(writer, STEPS)
    writer.close()


@pytest.mark.parametrize("stride", [97, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("action", [rotate, finish])
def test_whatever_the_writer_does_meanwhile_nothing_committed_is_missed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    action: Callable[[RunWriter], None],
    stride: int,
) -> None:
    monkeypatch.setattr(opening, "probe", probe_here)
    monkeypatch.setattr(source, "probe", probe_here)
    moment, came = 1, True
    while came:
        path = tmp_path / f"{moment}.h5"
        writer = RunWriter.create(path, small_runs.plan())
        small_runs.write_steps(writer, 0, 2)
        writer.rotate()
        small_runs.write_steps(writer, 2, STEPS)
        opened, came = open_while(path, moment, lambda writer=writer: action(writer))
        with opened as run:
            assert run.damage == []
            small_runs.check_rows(run, STEPS * small_runs.NODES)
            # A run that ended during the opening may still appear as running.
            assert run.status == "running" or (run.status == "finished" and run.figures)
        writer.close()
        moment += stride
    assert moment > 100


def test_a_segment_that_is_sealed_while_segments_are_listed_is_listed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = segment_folder(tmp_path / "run.h5")
    folder.mkdir()
    for name in ("0001.h5", "0002.h5.part", "0003.h5.part"):
        (folder / name).touch()
    glob = Path.glob

    def glob_and_seal(self: Path, pattern: str) -> Any:
        yield from list(glob(self, pattern))
        part = folder / "0002.h5.part"
        if part.exists():
            part.rename(part.with_suffix(""))

    monkeypatch.setattr(Path, "glob", glob_and_seal)
    assert [number_of(path) for path in segment_files(folder)] == [1, 2, 3]
