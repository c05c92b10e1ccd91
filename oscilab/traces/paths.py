"""Where a run's files lie."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

RUNS = Path("runs")
SUFFIX = ".h5"
PART = ".part"


def default_path(experiment: str, folder: Path = RUNS) -> Path:
    """`runs/<experiment>-<utc stamp>-<four digits>.h5`, another at every call."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    # Two runs may start within one second, in two processes that do not know of each other.
    return folder / f"{experiment}-{stamp}-{secrets.token_hex(2)}.h5"


def segment_folder(path: Path) -> Path:
    """The folder beside a run's file that holds its further segments while there are any."""
    return _beside(path, ".segments")


def segment_path(path: Path, number: int) -> Path:
    """The name of a sealed segment; while it is written it ends in `.part`."""
    return segment_folder(path) / f"{number:04d}.h5"


def result_path(path: Path) -> Path:
    """The file that holds a run's results until they are joined with the rest."""
    return segment_folder(path) / "result.h5"


def segment_files(folder: Path) -> list[Path]:
    """The segments in a folder, sealed or not, in their order."""
    # First those being written: one that is sealed meanwhile is then found twice, not never.
    unsealed, sealed = (sorted(folder.glob(f"[0-9]*.h5{end}")) for end in (PART, ""))
    twice = {path.with_name(path.name + PART) for path in sealed}
    return sorted([*sealed, *(path for path in unsealed if path not in twice)])


def name_now(path: Path) -> Path:
    """The name of a segment that may have been sealed since it was listed."""
    return path if path.suffix != PART or path.exists() else path.with_suffix("")


def joined_path(path: Path) -> Path:
    """Where all parts of a run are joined before the result takes the run's name."""
    return segment_folder(path) / "joined.h5.new"


def number_of(path: Path) -> int:
    """A segment's number by its name; every other file of a run is number 0."""
    stem = path.name.partition(".")[0]
    return int(stem) if path.parent.suffix == ".segments" and stem.isdigit() else 0


def ballast_path(path: Path) -> Path:
    """A file of zeros that gives way when the disk is full."""
    return _beside(path, ".ballast")


def _beside(path: Path, suffix: str) -> Path:
    # Only a run's own file has its parts under its stem: a `run.nc` that was exported beside
    # `run.h5` must not take them for its own.
    stem = path.stem if path.suffix == SUFFIX else path.name
    return path.parent / (stem + suffix)


def next_number(path: Path, after: int) -> int:
    """The number for a further segment of a run; one that cannot be read keeps its own."""
    taken = [number_of(each) for each in segment_files(segment_folder(path))]
    return 1 + max([after, *taken])
