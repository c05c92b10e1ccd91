"""The start, segments and end of a run file, with interruptions at any time."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import small_runs

from oscilab.traces.durable import take_name
from oscilab.traces.hdf5 import PAGES, h5py
from oscilab.traces.layout import build_image
from oscilab.traces.run import open_run
from oscilab.traces.segments import Rotation
from oscilab.traces.superblock import read_superblock
from oscilab.traces.writer import RunWriter

STEPS = 12
NODES = small_runs.NODES
PAGE = PAGES["fs_page_size"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("x"), "failed"), (KeyboardInterrupt(), "interrupted"), (None, "finished")],
)
def test_how_a_run_ended_is_kept(tmp_path: Path, error: Any, status: str) -> None:
    path = tmp_path / "run.h5"
    try:
        with RunWriter.create(path, small_runs.plan()) as writer:
            writer.append(**small_runs.rows(0))
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    with open_run(path) as run:
        assert run.status == status
        assert run.n_committed == NODES


def test_a_run_goes_on_in_a_new_segment_by_size_and_by_time(tmp_path: Path) -> None:
    for name, rotation in (
        ("size", Rotation(most_bytes=0)),
        ("time", Rotation(most_seconds=0.0)),
    ):
        path = tmp_path / f"{name}.h5"
        writer = RunWriter.create(path, small_runs.plan(), rotation=rotation)
        small_runs.write_steps(writer, 0, 4)
        sealed = sorted(each.name for each in (tmp_path / f"{name}.segments").iterdir())
        assert sealed == ["0001.h5", "0002.h5", "0003.h5", "0004.h5.part"]
        with h5py.File(tmp_path / f"{name}.segments" / "0002.h5") as file:
            assert file["entry/segment/reason"][()].rstrip(b"\0").decode() == name
            assert file["entry/segment/first_row"][()] == 2 * NODES
        writer.close()
        with open_run(path) as run:
            small_runs.check_rows(run, 4 * NODES)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows names no file that is open")
def test_no_reader_sees_a_file_before_it_is_in_swmr_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that opened it earlier would block the writer."""
    named: list[Path] = []

    def look_and_take_name(draft: Path, path: Path) -> None:
        assert read_superblock(draft).is_shared
        assert not path.exists()
        named.append(path)
        take_name(draft, path)

    monkeypatch.setattr("oscilab.traces.segment.take_name", look_and_take_name)
    with RunWriter.create(tmp_path / "run.h5", small_runs.plan()) as writer:
        small_runs.write_steps(writer, 0, 2)
        writer.rotate()
        small_runs.write_steps(writer, 2, 3)
    assert [path.name for path in named] == ["run.h5", "0001.h5.part"]


@pytest.mark.slow
def test_a_commit_that_is_interrupted_anywhere_is_repeated_whole(tmp_path: Path) -> None:
    """A KeyboardInterrupt between any two lines of a commit leaves the rows once each."""
    count = 1
    while True:
        path = tmp_path / f"{count}.h5"
        writer = RunWriter.create(path, small_runs.plan(shots=small_runs.SHOTS))
        small_runs.write_steps(writer, 0, 2)
        writer.append(**small_runs.rows(2))
        for row in range(2 * NODES, 3 * NODES):
            writer.append_reading(row=row, reading=small_runs.force_reading(row))
        finished = interrupt_after(count, writer.commit)
        writer.close("interrupted")
        with open_run(path) as run:
            small_runs.check_rows(run, 3 * NODES)
            assert run.n_committed == 3 * NODES
        if finished:
            break
        count += 13
    assert count > 50


def interrupt_after(lines: int, action: Any) -> bool:
    """Raise KeyboardInterrupt after `lines` lines of oscilab's code; return whether it finished."""
    left = lines

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal left
        if "oscilab" not in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return False
    finally:
        sys.settrace(before)
    return True


def test_importing_and_opening_take_no_heavy_library() -> None:
    code = (
        "import sys, oscilab.traces.writer, oscilab.traces.run\n"
        "heavy = {'xarray', 'matplotlib', 'numba', 'scipy', 'pandas', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_header_that_a_kill_may_cut_in_two_crosses_a_page() -> None:
    """A signal ends a write between pages of the file, so what lies in one is written whole."""
    starts: dict[str, int] = {}

    def visit(name: str, item: Any) -> None:
        if not hasattr(item, "keys") and item.maxshape[:1] == (None,):
            starts[name] = h5py.h5o.get_info(item.id).addr

    with h5py.File(io.BytesIO(build_image(small_runs.plan()))) as file:
        file.visititems(visit)
    assert len(starts) > 20
    # Adding rows writes at least 256 bytes of a header.
    assert [name for name, at in starts.items() if at // PAGE != (at + 255) // PAGE] == []
