"""Open all files of a run at one moment, although its writer may begin, seal and join others."""

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
    """A run's open files: its segments in their order, those that cannot be read, its results.

    `status` is what the last one said of the run's end. `result` is the h5py.File of a run whose
    results are not joined with the rest, or None; `head` tells the run's own file from one that
    takes its name later.
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
        """Whether none of them was joined away."""
        listed = [each.path for each in (*self.sources, *self.damage)]
        return self.head == _identity(self.path) and all(name_now(it).exists() for it in listed)

    def are_newest(self) -> bool:
        """Whether none was joined away, and no further segment begun."""
        listed = max(number_of(each.path) for each in (*self.sources, *self.damage))
        newest = max([0, *map(number_of, segment_files(segment_folder(self.path)))])
        return newest <= listed and self.are_there()


def open_files(
    path: Path, *, salvage: bool = False, known: Mapping[Path, Finding] | None = None
) -> Files:
    """All files of the run at `path`.

    `known` is what was found of live files before and need not be looked for. With `salvage`,
    files that are cut short are opened as far as they go, and any segment may stand in for the
    run's own file.

    Raises:
        InvalidInput: the run's own file is missing, is no run, or cannot be read.
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
    # The segments are listed before the head: of what is joined meanwhile, none goes unseen.
    paths = [path, *segment_files(segment_folder(path))]
    head = _identity(path)
    # One process looks at all that are not closed.
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
    # Before the results: a run that says how it ended has written them.
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
    """Leave out segments that the run's own file has taken in and that could not be removed."""
    head, *rest = sources
    kept = [source for source in rest if source.number > head.number]
    close_all([source for source in rest if source not in kept])
    return [head, *sorted(kept, key=lambda source: source.number)]


def close_all(sources: Sequence[Source]) -> None:
    """Close every file."""
    for source in sources:
        source.file.close()


def living(sources: Sequence[Source]) -> dict[Path, Finding]:
    """What was found of those files whose writer still lives, on this computer."""
    found: dict[Path, Finding] = {}
    for source in sources:
        if source.finding is not None and source.finding.pid and source.has_writer:
            found[source.path] = source.finding
    return found
