"""Where HDF5 writes files that may not fit: it never hears that the disk is full.

A file of which HDF5 could not write everything cannot be closed, and crashes the process when that
is tried again at its end. So the first error is kept here, what follows it is dropped, and it is
raised when HDF5 is done.
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
"""The oldest format that holds what is written."""


@contextmanager
def new_file(path: Path) -> Generator[Any]:
    """An h5py.File to write to `path`, whatever was there; it is on the disk after the block.

    Raises:
        OSError: it could not be written; a part of it may be there.
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
    """A new file; `trouble` is the first error in writing it, after which nothing is written."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.trouble: OSError | None = None
        self._file = path.open("w+b", buffering=0)
        self._place = 0

    def readable(self) -> bool:
        """Yes: HDF5 reads what it has written."""
        return True

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As for any file."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence)
        self._place = offset + (self._file.seek(0, io.SEEK_END) if start is None else start)
        return self._place

    def tell(self) -> int:
        """As for any file."""
        return self._place

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """As for any file, with zeros where nothing could be written."""
        self._file.seek(self._place)
        count = self._file.readinto(buffer) or 0
        memoryview(buffer)[count:] = bytes(len(buffer) - count)
        self._place += len(buffer)
        return len(buffer)

    def write(self, data: Any, /) -> int:
        """Write all, or nothing from the first error on."""
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
        """As for any file."""
        length = self._place if size is None else size
        try:
            return self._file.truncate(length)
        except OSError as error:
            self.trouble = self.trouble or error
            return length

    def close(self) -> None:
        """Close the file beneath as well."""
        try:
            self._file.close()
        except OSError as error:
            # Some network file systems say only now that they are full.
            self.trouble = self.trouble or error
        super().close()
