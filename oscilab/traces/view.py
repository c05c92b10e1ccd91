"""Open a file that its writer has not closed.

The superblock of such a file says "open for writing", and HDF5 refuses to open it. The view
presents the file with that flag cleared and with its actual end, without changing it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from oscilab.traces.hdf5 import h5py
from oscilab.traces.superblock import SIZE, read_superblock

SMALL = 1 << 14
"""Bytes. HDF5's metadata blocks are smaller, except for some that have internal checksums."""
READINGS = 8
NO_END = 1 << 62
"""Bytes; more than any file has, and still a valid address for HDF5."""


def open_view(path: Path, *, grows: bool = False) -> Any:
    """Open the file as an h5py.File, read only.

    A file that `grows` has no end, so that HDF5 can read what its writer adds later.

    Raises:
        OSError: HDF5 cannot open it.
        InvalidInput: it is not an HDF5 file, or not of a version that oscilab writes.
    """
    # Without a cache, HDF5 does not read whole chunks that are only partly written.
    return h5py.File(ClosedView(path, grows=grows), "r", rdcc_nbytes=0)


class ClosedView(io.RawIOBase):
    """A read-only view of an unclosed file as if it had been closed."""

    def __init__(self, path: Path, *, grows: bool = False) -> None:
        super().__init__()
        superblock = read_superblock(path)
        self._end = NO_END if grows else superblock.length
        self._head = superblock.closed(self._end)
        self._file = path.open("rb", buffering=0)
        # Stored here, because no file system can seek to the assumed end of a growing file.
        self._place = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Set the position and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        """Return the position."""
        return self._place

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read into `buffer`, with the corrected superblock, and zeros where nothing is written."""
        start, wanted = self._place, max(0, min(len(buffer), self._end - self._place))
        part = memoryview(buffer)[:wanted]
        count = self._read_settled(part, start)
        # HDF5 ignores how much was read, and guesses the length of some blocks.
        part[count:] = bytes(wanted - count)
        if start < SIZE:
            head = self._head[start : start + wanted]
            part[: len(head)] = head
        self._place += wanted
        return wanted

    def _read_settled(self, buffer: memoryview, start: int) -> int:
        """Read small blocks, which may be metadata being written, until two reads agree."""
        count = self._read(buffer, start)
        for _ in range(READINGS if count <= SMALL else 0):
            before = bytes(buffer[:count])
            count = self._read(buffer, start)
            if bytes(buffer[:count]) == before:
                break
        return count

    def _read(self, buffer: memoryview, start: int) -> int:
        self._file.seek(start)
        return self._file.readinto(buffer) or 0

    def close(self) -> None:
        """Close the underlying file as well."""
        # Python closes an object whose file could not be opened as well, and from 3.14 on tells.
        if hasattr(self, "_file"):
            self._file.close()
        super().close()
