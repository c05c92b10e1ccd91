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


def open_view(path: Path) -> Any:
    """The file as an h5py.File, read only.

    Raises:
        OSError: HDF5 makes nothing of it.
        InvalidInput: it is no HDF5 file, or not of a kind that oscilab writes.
    """
    # Without a cache no whole chunk is read where only its beginning was written.
    return h5py.File(ClosedView(path), "r", rdcc_nbytes=0)


class ClosedView(io.RawIOBase):
    """An unclosed file, read only, that looks as if its writer had closed it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._head = read_superblock(path).closed()
        self._file = path.open("rb", buffering=0)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As for any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As for any file."""
        return self._file.tell()

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read, with the superblock mended on the way."""
        start = self._file.tell()
        count = self._read_settled(buffer, start)
        if start < SIZE:
            part = self._head[start : start + count]
            memoryview(buffer)[: len(part)] = part
        return count

    def _read_settled(self, buffer: memoryview, start: int) -> int:
        """Read; what is small may be HDF5's own and just be written: until two readings agree."""
        count = self._file.readinto(buffer) or 0
        for _ in range(READINGS if count <= SMALL else 0):
            before = bytes(memoryview(buffer)[:count])
            self._file.seek(start)
            count = self._file.readinto(buffer) or 0
            if bytes(memoryview(buffer)[:count]) == before:
                break
        return count

    def close(self) -> None:
        """Close the file beneath as well."""
        self._file.close()
        super().close()
