"""Finished points are files: what is there is not measured again."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oscilab.errors import InvalidInput, OscilabError
from oscilab.traces.durable import make_folder, write_durably
from oscilab_experiments.studies.study import Measured, Point

PARTS = {"settings", "values", "files", "seconds"}


@dataclass(frozen=True)
class Found:
    """A point's values and the contents of its run files, as they come from a worker."""

    values: Mapping[str, Any]
    files: Mapping[str, bytes]
    seconds: float


def measure(point: Point) -> Found:
    """Do a point's work in a folder of its own; called wherever there is a core for it.

    What it leaves there is handed back by content: workers may share no disk with whoever asks.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="oscilab-", ignore_cleanup_errors=True) as folder:
        try:
            values = point.measure(Path(folder))
        except OscilabError as error:
            error.add_note(f"that was point {point.key}; finished points are kept")
            raise
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).glob("run.*"))}
    return Found(values, files, time.monotonic() - started)


@dataclass(frozen=True)
class Store:
    """The finished points of one study, in `folder`: `points/KEY.json` and `runs/KEY.*`."""

    folder: Path

    def load(self, point: Point) -> Measured | None:
        """The point, if it is finished and none of its run files was removed.

        Raises:
            InvalidInput: it was measured with other settings, or its file cannot be read.
        """
        path = self._path(point)
        if not path.is_file():
            return None
        stored = _read(path)
        if stored["settings"] != _plain(point.settings):
            raise InvalidInput(
                f"{path} was measured with other settings; name another folder with --out, or "
                "remove it"
            )
        files = {Path(name).suffix: self.folder / "runs" / name for name in stored["files"]}
        if not all(each.is_file() for each in files.values()):
            return None
        return Measured(point, stored["values"], files, stored["seconds"])

    def keep(self, point: Point, found: Found) -> None:
        """Write a finished point; its own file comes last and complete or not at all.

        Raises:
            InvalidInput: it cannot be written.
        """
        names: list[str] = []
        for name, content in found.files.items():
            names.append(f"{point.key}{Path(name).suffix}")
            write_file(self.folder / "runs" / names[-1], content)
        stored = {
            "settings": _plain(point.settings), "values": found.values, "files": names,
            "seconds": round(found.seconds, 2),
        }  # fmt: skip
        write_file(self._path(point), json.dumps(stored, indent=1).encode())

    def _path(self, point: Point) -> Path:
        return self.folder / "points" / f"{point.key}.json"


def _plain(settings: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(dict(settings)))


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if PARTS - stored.keys():
            raise ValueError("it lacks some of its parts")
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidInput(
            f"{path} cannot be read as a finished point: {error}; remove it, to measure the point "
            "again"
        ) from error
    return stored


def write_file(path: Path, content: bytes) -> None:
    """A file in the place of any other, on the disk and whole or not at all.

    Raises:
        InvalidInput: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    make_folder(path.parent)
    try:
        write_durably(partial, content)
        partial.replace(path)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}; mend that and start again: finished "
            "points are kept"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
