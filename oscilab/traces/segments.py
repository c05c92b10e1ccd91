"""The files of a run that is being written, one after the other.

On any error of HDF5 the writer goes to a new file: after a full disk, freeing space and going on
in the same file reports success and drops rows. A ballast file is there to be deleted first.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oscilab.errors import OscilabError
from oscilab.traces.durable import create_durably
from oscilab.traces.paths import PART, ballast_path, next_number, segment_path
from oscilab.traces.segment import Segment, Start
from oscilab.traces.trouble import short

LEAST_BALLAST = 2 << 20


@dataclass(frozen=True)
class Rotation:
    """When a run goes on in a new file: bytes and seconds that one may reach.

    What a sealed file holds survives a power failure as well, and opens everywhere.
    """

    most_bytes: int = 1 << 30
    most_seconds: float = 3600.0


class Segments:
    """The current segment, and how it gives way to the next.

    `troubles` collects what went wrong on the way, one sentence each; `is_broken` says that
    nothing can be written any more.
    """

    def __init__(self, path: Path, image: bytes, current: Segment, rotation: Rotation) -> None:
        self.path = path
        self.current = current
        self.troubles: list[str] = []
        self.is_broken = False
        self._image = image
        self._rotation = rotation
        self._lay_ballast()

    def apply(self, action: Callable[[Segment], None], rows: int, readings: int) -> None:
        """Do `action` on the current segment, or on a new one that begins after `rows`.

        Raises:
            OscilabError: neither worked; what was committed before is safe.
        """
        try:
            action(self.current)
        except (OSError, RuntimeError) as error:
            broken = self.current
            self._drop_ballast()
            broken.abandon()
            try:
                self.current = self._next(rows, readings, f"error: {short(error)}")
                action(self.current)
            except (OSError, RuntimeError) as again:
                self.is_broken = True
                self.current.abandon()
                raise OscilabError(
                    f"run {self.path} cannot be written any more: {short(again)}; its {rows} "
                    "committed batches are safe: free some space and resume it"
                ) from error
            self.troubles.append(
                f"{broken.path} could not be written ({short(error)}); the run goes on in "
                f"{self.current.path}"
            )
            self._lay_ballast()

    def apply_beside(self, action: Callable[[], None]) -> None:
        """Do what writes a file of its own, with the ballast's room if need be.

        Raises:
            OscilabError: that did not suffice.
        """
        try:
            action()
        except (OSError, RuntimeError):
            self._drop_ballast()
            try:
                action()
            except (OSError, RuntimeError) as error:
                raise OscilabError(
                    f"results of run {self.path} cannot be written: {short(error)}; what was "
                    "measured is safe: free some space and resume it"
                ) from error
            self._lay_ballast()

    def rotate_if_due(self, rows: int, readings: int) -> None:
        """Go on in a new file if this one is full enough or old enough."""
        age = time.monotonic() - self.current.opened
        full = self.current.size >= self._rotation.most_bytes
        if not full and age < self._rotation.most_seconds:
            return
        if rows > self.current.start.rows:
            self.rotate(rows, readings, "size" if full else "time")

    def rotate(self, rows: int, readings: int, reason: str) -> None:
        """Go on in a new file and seal this one; without room for one, go on in this."""
        try:
            following = self._next(rows, readings, reason)
        except OSError as error:
            # The current file still works; an error of its own would come through `apply`.
            self.troubles.append(f"no new segment after {self.current.path}: {short(error)}")
            return
        sealed, self.current = self.current, following
        try:
            sealed.seal()
        except (OSError, RuntimeError) as error:
            self.troubles.append(f"{sealed.path} was not closed well: {short(error)}")

    def finish(self, status: str, rows: int, readings: int) -> None:
        """Close the last segment with the run's status.

        Raises:
            OscilabError: the status cannot be written; what was committed is safe.
        """
        self.apply(lambda segment: segment.seal(status), rows, readings)
        self._drop_ballast()

    def _next(self, rows: int, readings: int, reason: str) -> Segment:
        number = next_number(self.path, self.current.start.number)
        return new_segment(self.path, self._image, Start(number, rows, readings, reason))

    def _lay_ballast(self) -> None:
        # Room for a new segment and for what was not yet committed.
        size = max(LEAST_BALLAST, 4 * len(self._image))
        path = ballast_path(self.path)
        try:
            if shutil.disk_usage(path.parent).free > 4 * size:
                path.unlink(missing_ok=True)
                create_durably(path, bytes(size))
        except OSError as error:
            path.unlink(missing_ok=True)
            self.troubles.append(f"no ballast at {path}: {short(error)}")

    def _drop_ballast(self) -> None:
        ballast_path(self.path).unlink(missing_ok=True)


def new_segment(path: Path, image: bytes, start: Start) -> Segment:
    """A further segment of the run at `path`.

    Raises:
        OSError: it cannot be created, or there is one of its number; nothing is left behind then.
    """
    name = segment_path(path, start.number)
    name.parent.mkdir(exist_ok=True)
    return Segment(name.with_name(name.name + PART), image, start)
