"""The first bytes of an HDF5 file, which tell whether it was closed.

HDF5 File Format Specification 3.0, section II.A.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from oscilab.errors import InvalidInput

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FLAGS_AT = 11
END_AT = 28
OLD_END_AT = 40
CHECKED = 44
SIZE = 48
WRITING = 0x01
SWMR = 0x04


@dataclass(frozen=True)
class Superblock:
    """`data` are the bytes of the superblock; `length` is the size of the whole file."""

    data: bytes
    length: int

    @property
    def version(self) -> int:
        """The version of the superblock; 3 for files written in SWMR mode."""
        return self.data[8]

    @property
    def is_open(self) -> bool:
        """Whether a writer has the file open, or died with it open."""
        return self.version >= 3 and bool(self.data[FLAGS_AT] & (WRITING | SWMR))

    @property
    def is_shared(self) -> bool:
        """Whether the writer has switched to SWMR mode, in which others can read."""
        return self.version >= 3 and bool(self.data[FLAGS_AT] & SWMR)

    def closed(self, end: int) -> bytes:
        """Return the superblock that closing a file of `end` bytes would have written.

        Raises:
            InvalidInput: oscilab does not write this version.
        """
        data = bytearray(self.data)
        if self.version == 0:
            struct.pack_into("<Q", data, OLD_END_AT, end)
            return bytes(data)
        if self.version < 2:
            raise InvalidInput(
                f"an HDF5 file of superblock version {self.version} cannot be repaired"
            )
        data[FLAGS_AT] &= ~(WRITING | SWMR) & 0xFF
        struct.pack_into("<Q", data, END_AT, end)
        struct.pack_into("<I", data, CHECKED, lookup3(bytes(data[:CHECKED])))
        return bytes(data)


def read_superblock(path: Path) -> Superblock:
    """Read the superblock of a file.

    Raises:
        InvalidInput: there is no such file, or it is not HDF5.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE)
        length = path.stat().st_size
    except OSError as error:
        raise InvalidInput(f"run file {path} cannot be read: {error.strerror or error}") from error
    if len(data) < SIZE or not data.startswith(SIGNATURE):
        raise InvalidInput(f"{path} is not an HDF5 file; give a run file, such as runs/digits.h5")
    return Superblock(data, length)


def lookup3(data: bytes) -> int:
    """Return HDF5's checksum: Bob Jenkins' public-domain lookup3 (hashlittle, initial value 0)."""
    mask = 0xFFFFFFFF

    def rotate(x: int, k: int) -> int:
        return ((x << k) | (x >> (32 - k))) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    blocks = max(0, (len(data) - 1) // 12)
    for words in struct.iter_unpack("<3I", data[: 12 * blocks]):
        a, b, c = (a + words[0]) & mask, (b + words[1]) & mask, (c + words[2]) & mask
        a = ((a - c) & mask) ^ rotate(c, 4)
        c = (c + b) & mask
        b = ((b - a) & mask) ^ rotate(a, 6)
        a = (a + c) & mask
        c = ((c - b) & mask) ^ rotate(b, 8)
        b = (b + a) & mask
        a = ((a - c) & mask) ^ rotate(c, 16)
        c = (c + b) & mask
        b = ((b - a) & mask) ^ rotate(a, 19)
        a = (a + c) & mask
        c = ((c - b) & mask) ^ rotate(b, 4)
        b = (b + a) & mask
    if not data:
        return c
    last = struct.unpack("<3I", data[12 * blocks :].ljust(12, b"\0"))
    a, b, c = (a + last[0]) & mask, (b + last[1]) & mask, (c + last[2]) & mask
    for k, shift in enumerate((14, 11, 25, 16, 4, 14, 24)):
        if k % 3 == 0:
            c = ((c ^ b) - rotate(b, shift)) & mask
        elif k % 3 == 1:
            a = ((a ^ c) - rotate(c, shift)) & mask
        else:
            b = ((b ^ a) - rotate(a, shift)) & mask
    return c
