"""Open one file of a run for reading, in whatever state its writer left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from oscilab.errors import InvalidInput
from oscilab.traces import hdf5
from oscilab.traces.hdf5 import SCHEMA, SCHEMA_VERSION, h5py
from oscilab.traces.liveness import is_alive
from oscilab.traces.paths import name_now
from oscilab.traces.probe import STREAMS, Finding, probe
from oscilab.traces.superblock import read_superblock
from oscilab.traces.trouble import short
from oscilab.traces.view import open_view

State = Literal["closed", "live", "torn", "cut"]
CHANGES = 3
"""A file changes at most from live to closed, and then to its final name."""
IN_EVERY_RUN = (
    "status", "kind", "title", "start_time", "end_time", "configuration", "oscillator", "node",
    "parameter", "provenance/identity", "array/terms", "schedule/edges", "protocol/written",
    "trajectory/n_committed",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Source:
    """One open file of a run; `file` is an h5py.File.

    `state` is `closed` if it was closed properly, `live` if its writer is alive, `torn` if it died,
    `cut` if the file is truncated. `readable` has the number of readable rows of each stream that
    is not complete.
    """

    path: Path
    state: State
    file: Any
    readable: Mapping[str, int] = field(default_factory=dict[str, int])
    finding: Finding | None = None

    @property
    def entry(self) -> Any:
        """The HDF5 group `entry`."""
        return self.file["entry"]

    @property
    def number(self) -> int:
        """The number of the segment."""
        if "segments" in self.entry:
            return int(self.entry["segments/segment"][-1])
        return int(self.entry["segment/number"][()])

    @property
    def first_row(self) -> int:
        """The first row of the segment, which supersedes earlier segments from there on."""
        return int(self.entry["segment/first_row"][()]) if "segment" in self.entry else 0

    @property
    def has_writer(self) -> bool:
        """Whether the process that created the file is alive on this computer."""
        if "segment" not in self.entry:
            return False
        segment = self.entry["segment"]
        start, host = (hdf5.read_text(segment[name]) for name in ("process_start", "host"))
        return is_alive(int(segment["pid"][()]), start, host)

    @property
    def reason(self) -> str:
        """Why the segment was started; `start` for a joined file."""
        return hdf5.read_text(self.entry["segment/reason"]) if "segment" in self.entry else "start"


def open_source(path: Path, finding: Finding | None, *, salvage: bool = False) -> Source:
    """Open a file; `finding` is the result of `probe` if it was not closed then.

    Its writer may close and rename it at any moment. With `salvage`, a truncated file is opened as
    far as it can be read.

    Raises:
        InvalidInput: the file is missing, is not part of a run, or cannot be read.
    """
    for _ in range(CHANGES):
        before = _state_of(path)
        try:
            return _open(name_now(path), finding, salvage)
        except InvalidInput:
            if _state_of(path) == before:
                raise
    return _open(name_now(path), finding, salvage)


def _state_of(path: Path) -> tuple[Path, bytes]:
    name = name_now(path)
    try:
        return name, read_superblock(name).data
    except InvalidInput:
        return name, b""


def _open(path: Path, finding: Finding | None, salvage: bool) -> Source:
    is_open = read_superblock(path).is_open
    try:
        if is_open and finding is not None:
            return _checked(_open_unclosed(path, finding))
        # It was closed before, or since it was probed.
        return _checked(Source(path, "closed", h5py.File(path, "r")))
    except OSError as error:
        if salvage and not is_open:
            return _checked(_open_cut(path))
        raise InvalidInput(
            f"run file {path} cannot be read: {short(error)}; it may be cut short: copy it "
            "again, or try oscilab traces repair"
        ) from error


def _open_unclosed(path: Path, finding: Finding) -> Source:
    if finding.unreadable:
        raise InvalidInput(
            f"run file {path} was not closed by its writer and cannot be read: "
            f"{finding.unreadable}; try oscilab traces repair"
        )
    if not finding.live:
        return Source(path, "torn", open_view(path), finding.rows, finding)
    try:
        return _open_live(path, finding)
    except (OSError, RuntimeError, KeyError):
        # The writer died in the middle of a write after the probe, or is in one.
        again = probe([path])[0]
    return _open_live(path, again) if again.live else _open_unclosed(path, again)


def _open_live(path: Path, finding: Finding) -> Source:
    """Open a live file as it is now, through the same view as a torn one.

    HDF5's SWMR mode is not used: it waits for a block with a wrong checksum, doubling the time at
    every attempt, which never ends if the writer died. In the writer's own process it would also
    keep the writer's file open.
    """
    with open_view(path, grows=True) as earlier:
        # Count the rows last, so that every reading counted before has its row.
        held = [name for name in reversed(STREAMS) if name in earlier["entry"]]
        counts = {name: _committed(earlier, name) for name in held}
    file = open_view(path, grows=True)
    try:
        # Read headers now that the writer will change; `values` would skip those that fail.
        for group in (file["entry"][name] for name in counts):
            for name in group:
                group[name]
    except (OSError, RuntimeError, KeyError):
        file.close()
        raise
    return Source(path, "live", file, counts, finding)


def _committed(file: Any, stream: str) -> int:
    return int(file["entry"][stream]["n_committed"][()])


def _open_cut(path: Path) -> Source:
    finding = probe([path])[0]
    if finding.unreadable:
        raise InvalidInput(f"run file {path} is damaged beyond reading: {finding.unreadable}")
    return Source(path, "cut", open_view(path), finding.rows)


def _checked(source: Source) -> Source:
    try:
        _check_layout(source)
    except InvalidInput:
        source.file.close()
        raise
    return source


def _check_layout(source: Source) -> None:
    attributes = source.file.attrs
    if attributes.get("schema") not in (SCHEMA.encode(), SCHEMA):
        raise InvalidInput(
            f"{source.path} is HDF5 but no oscilab run; give a file that oscilab wrote"
        )
    version = attributes.get("schema_version", 0)
    if version > SCHEMA_VERSION:
        raise InvalidInput(
            f"run file {source.path} has format {version}, and this oscilab reads up to "
            f"{SCHEMA_VERSION}; read it with a newer one"
        )
    for name in IN_EVERY_RUN:
        try:
            source.file["entry"][name]
        except (KeyError, OSError, RuntimeError) as error:
            raise InvalidInput(
                f"run file {source.path} has no readable /entry/{name}, which every run has: "
                "something else wrote or changed it; copy it again, or read it with other HDF5 "
                "tools"
            ) from error
    if "segment" not in source.entry and "segments" not in source.entry:
        raise InvalidInput(
            f"run file {source.path} says neither which segment it is nor which it was joined "
            "from; something else wrote or changed it"
        )
