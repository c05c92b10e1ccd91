"""The sequence of files of a run that is being written.

After any HDF5 error the writer continues in a new file: after a full disk, HDF5 would report
success in the same file and drop rows. A ballast file is deleted first, to make room.
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
    """The size in bytes and the age in seconds at which a run continues in a new file.

    A sealed file survives a power failure as well, and can be opened by any HDF5 tool.
    """

    most_bytes: int = 1 << 30
    most_seconds: float = 3600.0


class Segments:
    """The current segment of a run, and the transition to the next.

    `troubles` has a sentence for every problem so far. `is_broken` means that nothing can be
    written any more.
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
        """Call `action` with the current segment or, after an error, with a new one from `rows` on.

        Raises:
            OscilabError: both failed; what was committed before is safe.
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
                f"{broken.path} could not be written ({short(error)}); the run continues in "
                f"{self.current.path}"
            )
            self._lay_ballast()

    def apply_beside(self, action: Callable[[], None]) -> None:
        """Call `action`, which writes a separate file, and retry without the ballast if it fails.

        Raises:
            OscilabError: the retry failed as well.
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
        """Continue in a new file if this one is too large or too old."""
        age = time.monotonic() - self.current.opened
        full = self.current.size >= self._rotation.most_bytes
        if not full and age < self._rotation.most_seconds:
            return
        if rows > self.current.start.rows:
            self.rotate(rows, readings, "size" if full else "time")

    def rotate(self, rows: int, readings: int, reason: str) -> None:
        """Continue in a new file and seal this one; if there is no room, continue in this one."""
        try:
            following = self._next(rows, readings, reason)
        except OSError as error:
            # The current file still works; `apply` handles its errors.
            self.troubles.append(f"no new segment after {self.current.path}: {short(error)}")
            return
        sealed, self.current = self.current, following
        try:
            sealed.seal()
        except (OSError, RuntimeError) as error:
            self.troubles.append(f"{sealed.path} was not closed well: {short(error)}")

    def finish(self, status: str, rows: int, readings: int) -> None:
        """Seal the last segment with the run's status.

        Raises:
            OscilabError: the status cannot be written; what was committed is safe.
        """
        self.apply(lambda segment: segment.seal(status), rows, readings)
        self._drop_ballast()

    def _next(self, rows: int, readings: int, reason: str) -> Segment:
        number = next_number(self.path, self.current.start.number)
        return new_segment(self.path, self._image, Start(number, rows, readings, reason))

    def _lay_ballast(self) -> None:
        # Room for a new segment and for uncommitted rows.
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
    """Create a further segment of the run at `path`.

    Raises:
        OSError: it cannot be created, or its number is taken; nothing is left behind.
    """
    name = segment_path(path, start.number)
    name.parent.mkdir(exist_ok=True)
    return Segment(name.with_name(name.name + PART), image, start)
