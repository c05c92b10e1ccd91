"""A file object for HDF5 that hides write errors until the file is closed.

A file that HDF5 could not write completely cannot be closed, and crashes the process at exit when
that is tried again. The sink therefore stores the first error, drops all later writes, and raises
the error when HDF5 is done.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from oscilab.traces.durable import push_to_disk
from oscilab.traces.hdf5 import h5py

LIBVER = ("earliest", "v110")
"""Use the oldest format that can hold the data."""


@contextmanager
def new_file(path: Path) -> Generator[Any]:
    """Yield an h5py.File that replaces `path`; it is on the disk after the block.

    Raises:
        OSError: the file could not be written; a part of it may exist.
    """
    sink = Sink(path)
    try:
        with h5py.File(sink, "w", libver=LIBVER, rdcc_nbytes=0) as file:
            yield file
    finally:
        sink.close()
        if sink.trouble is not None:
            raise sink.trouble
    push_to_disk(path)


class Sink(io.RawIOBase):
    """A new file; `trouble` is the first write error, after which nothing is written."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.trouble: OSError | None = None
        self._file = path.open("w+b", buffering=0)
        self._place = 0

    def readable(self) -> bool:
        """Return True: HDF5 reads what it has written."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Set the position and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence)
        self._place = offset + (self._file.seek(0, io.SEEK_END) if start is None else start)
        return self._place

    def tell(self) -> int:
        """Return the position."""
        return self._place

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read into `buffer`, with zeros where nothing could be written."""
        self._file.seek(self._place)
        count = self._file.readinto(buffer) or 0
        memoryview(buffer)[count:] = bytes(len(buffer) - count)
        self._place += len(buffer)
        return len(buffer)

    def write(self, data: Any, /) -> int:
        """Write all data, or nothing after the first error."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            self._file.seek(self._place)
            while self.trouble is None and left:
                left = left[self._file.write(left) or 0 :]
        except OSError as error:
            self.trouble = error
        self._place += size
        return size

    def truncate(self, size: int | None = None, /) -> int:
        """Truncate the file and return its length."""
        length = self._place if size is None else size
        try:
            return self._file.truncate(length)
        except OSError as error:
            self.trouble = self.trouble or error
            return length

    def close(self) -> None:
        """Close the underlying file as well."""
        try:
            self._file.close()
        except OSError as error:
            # Some network file systems report a full disk only now.
            self.trouble = self.trouble or error
        super().close()
