"""Probe a file that was not closed or is truncated, in a separate process.

Such a file can hang or crash HDF5, so it is not opened in any other process before

    python -m oscilab.traces.probe FILE...

has printed one line of JSON for each file: whether its writer is alive, how much of it can be read,
or why nothing can be read.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT = 20.0
QUIET = 60.0
"""Seconds without a write after which a writer on another computer counts as dead."""
STREAMS = ("training", "readings", "history", "trajectory")
"""The groups that grow; each has its own count of committed rows."""


@dataclass(frozen=True)
class Finding:
    """The result for one file: its writer is `live`, or the file is `unreadable`, or neither.

    `pid` is the writer's process on this computer, 0 if it is elsewhere. `rows` has the number of
    readable rows of each stream in which fewer rows are readable than were committed.
    """

    live: bool = False
    unreadable: str = ""
    pid: int = 0
    rows: Mapping[str, int] = field(default_factory=dict[str, int])


def probe(paths: Sequence[Path], timeout: float = TIMEOUT) -> list[Finding]:
    """Return the findings on such files; takes at most `timeout` s."""
    if not paths:
        return []
    # -P, so that a user's json.py beside the run does not replace Python's.
    command = [sys.executable, "-P", "-m", "oscilab.traces.probe", *map(str, paths)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
        output, trouble = done.stdout, f"reading it ended with code {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output, trouble = error.stdout or b"", f"reading it took more than {timeout:g} s"
    found = [Finding(**json.loads(line)) for line in output.splitlines()]
    # The files after one that crashed were not probed.
    return found + [Finding(unreadable=trouble)] * (len(paths) - len(found))


def inspect(path: Path) -> Finding:
    """Read through a file as its writer left it, up to the last committed row."""
    from oscilab.errors import InvalidInput
    from oscilab.traces.paths import name_now
    from oscilab.traces.superblock import read_superblock
    from oscilab.traces.trouble import short
    from oscilab.traces.view import open_view

    try:
        name = name_now(path)
        with open_view(name) as file:
            entry = file["entry"]
            # A file that was closed and then truncated may have a writer that is still alive.
            writer = _living_writer(entry, path) if read_superblock(name).is_open else None
            if writer is not None:
                return Finding(live=True, pid=writer)
            _read_what_is_fixed(entry)
            return Finding(rows=_short_streams(entry))
    except (OSError, RuntimeError, KeyError, ValueError, InvalidInput) as error:
        return Finding(unreadable=short(error))


def _living_writer(entry: Any, path: Path) -> int | None:
    from oscilab.traces import hdf5
    from oscilab.traces.liveness import is_alive

    if "segment" not in entry:
        # A joined file has no writer.
        return None
    segment = entry["segment"]
    pid, host = int(segment["pid"][()]), hdf5.read_text(segment["host"])
    if is_alive(pid, hdf5.read_text(segment["process_start"]), host):
        return pid
    elsewhere = host != platform.node()
    return 0 if elsewhere and time.time() - path.stat().st_mtime < QUIET else None


def _read_what_is_fixed(entry: Any) -> None:
    def visit(name: str, item: Any) -> None:
        if not hasattr(item, "keys") and not item.chunks:
            item[()]

    entry.visititems(visit)


def _short_streams(entry: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in STREAMS:
        if name in entry:
            committed = int(entry[name]["n_committed"][()])
            rows = min((_readable(it, committed) for it in _growing(entry[name])), default=0)
            if rows < committed:
                found[name] = rows
    return found


def _growing(group: Any) -> list[Any]:
    return [item for name, item in group.items() if item.maxshape[:1] == (None,) and name != "time"]


def _readable(dataset: Any, committed: int) -> int:
    """Return how many rows can be read; rows after an unreadable one count as lost."""
    low, high = 0, min(committed, dataset.shape[0])
    if high and _reads(dataset, high - 1):
        return high
    while low < high:
        middle = (low + high) // 2
        if _reads(dataset, middle):
            low = middle + 1
        else:
            high = middle
    return low


def _reads(dataset: Any, row: int) -> bool:
    try:
        dataset[row]
    except (OSError, RuntimeError):
        return False
    return True


def main() -> None:
    """Print one line for each file on the command line."""
    for name in sys.argv[1:]:
        print(json.dumps(asdict(inspect(Path(name)))), flush=True)


if __name__ == "__main__":
    main()
