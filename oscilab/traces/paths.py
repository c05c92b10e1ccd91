"""The paths of a run's files."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

RUNS = Path("runs")
SUFFIX = ".h5"
PART = ".part"


def default_path(experiment: str, folder: Path = RUNS) -> Path:
    """Return a new path `runs/<experiment>-<utc stamp>-<four digits>.h5` at every call."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    # Two runs may start within one second, in two processes.
    return folder / f"{experiment}-{stamp}-{secrets.token_hex(2)}.h5"


def segment_folder(path: Path) -> Path:
    """Return the folder beside a run's file for its further segments."""
    return _beside(path, ".segments")


def segment_path(path: Path, number: int) -> Path:
    """Return the path of a sealed segment. While it is written, `.part` is appended."""
    return segment_folder(path) / f"{number:04d}.h5"


def result_path(path: Path) -> Path:
    """Return the file that holds a run's results until they are joined with the rest."""
    return segment_folder(path) / "result.h5"


def segment_files(folder: Path) -> list[Path]:
    """Return the segments in a folder in order, sealed or not."""
    # List unsealed ones first: one that is sealed meanwhile is found twice, instead of never.
    unsealed, sealed = (sorted(folder.glob(f"[0-9]*.h5{end}")) for end in (PART, ""))
    twice = {path.with_name(path.name + PART) for path in sealed}
    return sorted([*sealed, *(path for path in unsealed if path not in twice)])


def name_now(path: Path) -> Path:
    """Return the name of a segment that may have been sealed since it was listed."""
    return path if path.suffix != PART or path.exists() else path.with_suffix("")


def joined_path(path: Path) -> Path:
    """Return the path of the draft into which a run's parts are joined."""
    return segment_folder(path) / "joined.h5.new"


def number_of(path: Path) -> int:
    """Return a segment's number from its name; 0 for any other file of a run."""
    stem = path.name.partition(".")[0]
    return int(stem) if path.parent.suffix == ".segments" and stem.isdigit() else 0


def ballast_path(path: Path) -> Path:
    """Return the path of a file of zeros that is deleted when the disk is full."""
    return _beside(path, ".ballast")


def _beside(path: Path, suffix: str) -> Path:
    # Only a run file has parts named after its stem: a `run.nc` exported beside `run.h5` has none.
    stem = path.stem if path.suffix == SUFFIX else path.name
    return path.parent / (stem + suffix)


def next_number(path: Path, after: int) -> int:
    """Return the next free number of a segment, also above segments that cannot be read."""
    taken = [number_of(each) for each in segment_files(segment_folder(path))]
    return 1 + max([after, *taken])
