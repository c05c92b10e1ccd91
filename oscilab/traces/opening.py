"""Open all files of a run consistently, while its writer may add, seal and join files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oscilab.errors import InvalidInput
from oscilab.traces import hdf5
from oscilab.traces.hdf5 import h5py
from oscilab.traces.paths import name_now, number_of, result_path, segment_files, segment_folder
from oscilab.traces.probe import Finding, probe
from oscilab.traces.source import Source, open_source
from oscilab.traces.superblock import read_superblock
from oscilab.traces.trouble import short

ATTEMPTS = 5


@dataclass(frozen=True)
class Damage:
    """A file of the run that could not be read, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, eq=False)
class Files:
    """A run's open files: its segments in order, those that cannot be read, and its results.

    `status` is the status in the last segment. `result` is the h5py.File of results that are not
    yet joined, or None. `head` identifies the run's main file, to detect when it is replaced.
    """

    path: Path
    sources: list[Source]
    damage: list[Damage]
    status: str
    result: Any
    head: tuple[int, int]

    def close(self) -> None:
        """Close every file."""
        close_all(self.sources)
        if self.result is not None:
            self.result.close()

    def are_there(self) -> bool:
        """Return whether all files still exist, so that none was joined."""
        listed = [each.path for each in (*self.sources, *self.damage)]
        return self.head == _identity(self.path) and all(name_now(it).exists() for it in listed)

    def are_newest(self) -> bool:
        """Return whether all files still exist and there is no newer segment."""
        listed = max(number_of(each.path) for each in (*self.sources, *self.damage))
        newest = max([0, *map(number_of, segment_files(segment_folder(self.path)))])
        return newest <= listed and self.are_there()


def open_files(
    path: Path, *, salvage: bool = False, known: Mapping[Path, Finding] | None = None
) -> Files:
    """Open all files of the run at `path`.

    `known` has earlier findings on live files, which are not probed again. With `salvage`,
    truncated files are opened as far as they can be read, and the run's main file may be missing.

    Raises:
        InvalidInput: the run's main file is missing, is not a run, or cannot be read.
    """
    files = _open_once(path, salvage, known or {})
    for _ in range(ATTEMPTS):
        if files.are_there():
            break
        files.close()
        files = _open_once(path, salvage, known or {})
    if files.damage and (not files.sources or (files.damage[0].path == path and not salvage)):
        files.close()
        raise InvalidInput(files.damage[0].reason)
    return files


def _open_once(path: Path, salvage: bool, known: Mapping[Path, Finding]) -> Files:
    # List the segments before opening the head, so that none that is joined meanwhile is missed.
    paths = [path, *segment_files(segment_folder(path))]
    head = _identity(path)
    # One process probes all unclosed files.
    unknown = [each for each in paths if each not in known and _is_unclosed(each)]
    findings = {**known, **dict(zip(unknown, probe(unknown), strict=True))}
    sources: list[Source] = []
    damage: list[Damage] = []
    for each in paths:
        try:
            sources.append(open_source(each, findings.get(each), salvage=salvage))
        except InvalidInput as error:
            damage.append(Damage(each, str(error)))
    if not sources:
        return Files(path, [], damage, "", None, head)
    sources = _without_joined(sources)
    # Read the status before the results: a run that has ended has written them.
    status = hdf5.read_text(sources[-1].entry["status"])
    return Files(path, sources, damage, status, _open_result(path, sources[0], damage), head)


def _is_unclosed(path: Path) -> bool:
    try:
        return read_superblock(name_now(path)).is_open
    except InvalidInput:
        # Opening it says why.
        return False


def _open_result(path: Path, head: Source, damage: list[Damage]) -> Any:
    if "result" in head.entry:
        return None
    beside = result_path(path)
    try:
        return h5py.File(beside, "r")
    except FileNotFoundError:
        return None
    except OSError as error:
        damage.append(Damage(beside, f"results {beside} cannot be read: {short(error)}"))
        return None


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_dev, status.st_ino)


def _without_joined(sources: list[Source]) -> list[Source]:
    """Drop segments that were joined into the run's main file but could not be removed."""
    head, *rest = sources
    kept = [source for source in rest if source.number > head.number]
    close_all([source for source in rest if source not in kept])
    return [head, *sorted(kept, key=lambda source: source.number)]


def close_all(sources: Sequence[Source]) -> None:
    """Close every file."""
    for source in sources:
        source.file.close()


def living(sources: Sequence[Source]) -> dict[Path, Finding]:
    """Return the findings on files whose writer is alive on this computer."""
    found: dict[Path, Finding] = {}
    for source in sources:
        if source.finding is not None and source.finding.pid and source.has_writer:
            found[source.path] = source.finding
    return found
