"""A file whose writer did not close it, or has not yet, as if it had.

Such a file says "open for writing" in its superblock and refuses to open. The view shows it with
that flag cleared and the end of file where it really is, without touching a byte of it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from oscilab.traces.hdf5 import h5py
from oscilab.traces.superblock import SIZE, read_superblock

SMALL = 1 << 14
"""Bytes; blocks of HDF5's own are smaller, but for some that have checksums within."""
READINGS = 8
NO_END = 1 << 62
"""Bytes; more than any file has, and an address that HDF5 still takes."""


def open_view(path: Path, *, grows: bool = False) -> Any:
    """The file as an h5py.File, read only.

    One that `grows` has no end: HDF5 follows its writer to what was not there when it was opened.

    Raises:
        OSError: HDF5 makes nothing of it.
        InvalidInput: it is no HDF5 file, or not of a kind that oscilab writes.
    """
    # Without a cache no whole chunk is read where only its beginning was written.
    return h5py.File(ClosedView(path, grows=grows), "r", rdcc_nbytes=0)


class ClosedView(io.RawIOBase):
    """An unclosed file, read only, that looks as if its writer had closed it."""

    def __init__(self, path: Path, *, grows: bool = False) -> None:
        super().__init__()
        superblock = read_superblock(path)
        self._end = NO_END if grows else superblock.length
        self._head = superblock.closed(self._end)
        self._file = path.open("rb", buffering=0)
        # Kept here, as no file system seeks to where a growing file ends.
        self._place = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As for any file."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        """As for any file."""
        return self._place

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read, with the superblock mended on the way, and zeros where nothing was written yet."""
        start, wanted = self._place, max(0, min(len(buffer), self._end - self._place))
        part = memoryview(buffer)[:wanted]
        count = self._read_settled(part, start)
        # HDF5 does not ask how much was read, and guesses the length of some blocks.
        part[count:] = bytes(wanted - count)
        if start < SIZE:
            head = self._head[start : start + wanted]
            part[: len(head)] = head
        self._place += wanted
        return wanted

    def _read_settled(self, buffer: memoryview, start: int) -> int:
        """Read; what is small may be HDF5's own and just be written: until two readings agree."""
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
        """Close the file beneath as well."""
        # Python closes an object whose file could not be opened as well, and from 3.14 on tells.
        if hasattr(self, "_file"):
            self._file.close()
        super().close()
