"""A full disk loses nothing that was committed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMESPACE = ["unshare", "--map-root-user", "--mount"]
LIMITED = """
import resource, signal, sys
from pathlib import Path
import pytest, small_runs
from oscilab.errors import OscilabError
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
with (
    pytest.raises(OscilabError, match="File too large; its 55 committed batches are safe"),
    RunWriter.create(path, small_runs.plan()) as writer,
):
    small_runs.write_steps(writer, 0, 11)
    # No new segment can have its data beyond this either.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    small_runs.write_steps(writer, 11, 12)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
with open_run(path) as run:
    assert run.status == "torn"
    assert run.n_committed == 55
    small_runs.check_rows(run, 55)
with RunWriter.resume(path) as writer:
    small_runs.write_steps(writer, 11, 30)
    small_runs.write_end(writer, 30)
with open_run(path) as run:
    assert run.status == "finished"
    small_runs.check_rows(run, 150)
"""


def run_namespaced(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*NAMESPACE, *arguments], capture_output=True, text=True, check=False, cwd=HERE
    )


@pytest.fixture
def can_mount(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("filling a file system needs unshare (Linux, util-linux)")
    place = tmp_path / "try"
    place.mkdir()
    tried = run_namespaced("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place))
    if tried.returncode:
        pytest.skip(f"this system lets nobody mount a small file system: {tried.stderr.strip()}")


@pytest.mark.parametrize("times", [2, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("can_mount")
def test_a_full_file_system_takes_nothing_that_was_committed(tmp_path: Path, times: int) -> None:
    done = run_namespaced(sys.executable, "filling_disk.py", str(tmp_path), str(times))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == times


@pytest.mark.slow
def test_a_full_ext4_takes_nothing_that_was_committed(tmp_path: Path) -> None:
    """As above, on a file system that allocates late; only root can mount it."""
    if shutil.which("unshare") is None or shutil.which("mkfs.ext4") is None:
        pytest.skip("this needs unshare and mkfs.ext4 (Linux, e2fsprogs)")
    place, image = tmp_path / "try", tmp_path / "try.image"
    place.mkdir()
    image.write_bytes(bytes(1 << 20))
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-o", "loop", str(image), str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if tried.returncode:
        pytest.skip(f"this system mounts no file as a file system: {tried.stderr.strip()}")
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "filling_disk.py", str(tmp_path), "2", "ext4"],
        capture_output=True, text=True, check=False, cwd=HERE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are POSIX")
def test_a_writer_that_can_write_nowhere_says_what_is_safe_and_resumes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "run.h5")],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )
    assert done.returncode == 0, done.stderr
