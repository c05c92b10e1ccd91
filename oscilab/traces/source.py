"""Open a run's files for reading, however their writer left them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from oscilab.errors import InvalidInput
from oscilab.traces import hdf5
from oscilab.traces.hdf5 import SCHEMA, SCHEMA_VERSION, h5py
from oscilab.traces.liveness import is_alive
from oscilab.traces.paths import name_now, number_of, segment_files, segment_folder
from oscilab.traces.probe import Finding, probe
from oscilab.traces.superblock import Superblock, read_superblock
from oscilab.traces.trouble import short
from oscilab.traces.view import open_view

State = Literal["closed", "live", "torn", "cut"]
ATTEMPTS = 5


@dataclass(frozen=True, eq=False)
class Source:
    """One open file of a run; `file` is an h5py.File.

    It was `closed` well, or its writer is alive, or died (`torn`), or the file is `cut` short;
    `readable` has the rows that can be read of each stream where these are not all.
    """

    path: Path
    state: State
    file: Any
    readable: Mapping[str, int] = field(default_factory=dict[str, int])
    finding: Finding | None = None

    @property
    def entry(self) -> Any:
        """The group that holds everything."""
        return self.file["entry"]

    @property
    def number(self) -> int:
        """Its place among the run's segments."""
        if "segments" in self.entry:
            return int(self.entry["segments/segment"][-1])
        return int(self.entry["segment/number"][()])

    @property
    def first_row(self) -> int:
        """The first row it holds; it replaces whatever earlier segments have from there on."""
        return int(self.entry["segment/first_row"][()]) if "segment" in self.entry else 0

    @property
    def has_writer(self) -> bool:
        """Whether the process that made it lives on this computer, whatever it does with it."""
        if "segment" not in self.entry:
            return False
        segment = self.entry["segment"]
        start, host = (hdf5.read_text(segment[name]) for name in ("process_start", "host"))
        return is_alive(int(segment["pid"][()]), start, host)

    @property
    def reason(self) -> str:
        """Why the segment was begun; a joined file counts as the run's start."""
        return hdf5.read_text(self.entry["segment/reason"]) if "segment" in self.entry else "start"


@dataclass(frozen=True)
class Damage:
    """A file of the run that could not be read, and why."""

    path: Path
    reason: str


def open_sources(
    path: Path, *, salvage: bool = False, known: Mapping[Path, Finding] | None = None
) -> tuple[list[Source], list[Damage]]:
    """The segments of a run in their order, and those that cannot be read.

    `known` is what was found of live files before and need not be looked for. With `salvage`,
    files that are cut short are opened as far as they go, and any segment may stand in for the
    run's own file.

    Raises:
        InvalidInput: the run's own file is missing, is no run, or cannot be read.
    """
    sources, damage = _open_once(path, salvage, known or {})
    for _ in range(ATTEMPTS):
        if is_current(path, sources, damage):
            break
        close_all(sources)
        sources, damage = _open_once(path, salvage, known or {})
    if not sources:
        raise InvalidInput(damage[0].reason)
    return _without_joined(sources), damage


def is_current(path: Path, sources: Sequence[Source], damage: Sequence[Damage]) -> bool:
    """Whether no segment was begun, and none joined away, since these were listed."""
    paths = [each.path for each in (*sources, *damage)]
    listed = max(number_of(each) for each in paths)
    newest = max([0, *map(number_of, segment_files(segment_folder(path)))])
    return newest <= listed and all(name_now(each).exists() for each in paths)


def _open_once(
    path: Path, salvage: bool, known: Mapping[Path, Finding]
) -> tuple[list[Source], list[Damage]]:
    paths = [path, *segment_files(segment_folder(path))]
    damage: list[Damage] = []
    blocks: dict[Path, Superblock] = {}
    sources: list[Source] = []

    def note(each: Path, error: InvalidInput) -> None:
        if each == path and not salvage:
            close_all(sources)
            raise error
        damage.append(Damage(each, str(error)))

    for each in paths:
        try:
            blocks[each] = read_superblock(name_now(each))
        except InvalidInput as error:
            note(each, error)
    # One process looks at all of them.
    unclosed = [each for each, block in blocks.items() if block.is_open]
    unknown = [each for each in unclosed if each not in known]
    findings = {**known, **dict(zip(unknown, probe(unknown), strict=True))}
    for each in blocks:
        try:
            finding = findings.get(each) if blocks[each].is_open else None
            sources.append(_open(name_now(each), finding, salvage))
        except InvalidInput as error:
            note(each, error)
    return sources, damage


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


def _open(path: Path, finding: Finding | None, salvage: bool) -> Source:
    if finding is not None and finding.unreadable:
        raise InvalidInput(
            f"run file {path} was not closed by its writer and cannot be read: "
            f"{finding.unreadable}; try oscilab traces repair"
        )
    try:
        if finding is not None and read_superblock(path).is_open:
            return _checked(_open_unclosed(path, finding))
        # Closed all along, or since it was looked at.
        return _checked(Source(path, "closed", h5py.File(path, "r")))
    except OSError as error:
        if salvage and finding is None:
            return _checked(_open_cut(path))
        raise InvalidInput(
            f"run file {path} cannot be read: {short(error)}; it may be cut short: copy it "
            "again, or try oscilab traces repair"
        ) from error


def _open_unclosed(path: Path, finding: Finding) -> Source:
    if finding.live and finding.pid != os.getpid() and read_superblock(path).is_shared:
        return Source(path, "live", h5py.File(path, "r", swmr=True), finding=finding)
    # Within the writer's own process HDF5 would share the writer's open file, and keep it open
    # when the writer closes it.
    state: State = "live" if finding.live else "torn"
    return Source(path, state, open_view(path), finding.rows, finding)


def _open_cut(path: Path) -> Source:
    finding = probe([path])[0]
    if finding.unreadable:
        raise InvalidInput(f"run file {path} is damaged beyond reading: {finding.unreadable}")
    return Source(path, "cut", open_view(path), finding.rows)


def _checked(source: Source) -> Source:
    if source.file.attrs.get("schema") not in (SCHEMA.encode(), SCHEMA):
        source.file.close()
        raise InvalidInput(
            f"{source.path} is HDF5 but no oscilab run; give a file that oscilab wrote"
        )
    version = int(source.file.attrs["schema_version"])
    if version > SCHEMA_VERSION:
        source.file.close()
        raise InvalidInput(
            f"run file {source.path} has format {version}, and this oscilab reads up to "
            f"{SCHEMA_VERSION}; read it with a newer one"
        )
    return source
