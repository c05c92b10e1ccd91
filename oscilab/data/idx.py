"""IDX files, the format of MNIST: a magic number, dimensions, unsigned bytes; gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput
from oscilab.types import IntArray

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 0x08


def read_idx(path: str | Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes with that many `dimensions`.

    Whether it is gzipped is read from its content, not its name.

    Raises:
        InvalidInput: the file cannot be read, is no IDX file of bytes, or holds more or fewer
            values than its header says.
    """
    path = Path(path)
    content = _unzipped(path)
    header = 4 + 4 * dimensions
    if len(content) < 4 or content[:2] != b"\0\0":
        raise InvalidInput(
            f"{path} is no IDX file: it starts with bytes {content[:4].hex(' ') or '(none)'}, not "
            f"00 00 08 {dimensions:02x}"
        )
    kind, found = content[2], content[3]
    if kind != UNSIGNED_BYTE:
        raise InvalidInput(f"{path} holds IDX type 0x{kind:02x}; only unsigned bytes, 0x08, fit")
    if found != dimensions:
        raise InvalidInput(f"{path} has {found} dimensions where {dimensions} are needed")
    if len(content) < header:
        raise InvalidInput(f"{path} ends within its header, after {len(content)} bytes")
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], ">u4"))
    # Python integers: four-byte sizes multiply past 64 bits.
    expected, held = math.prod(shape), len(content) - header
    if held != expected:
        raise InvalidInput(
            f"{path} says {' x '.join(map(str, shape))} = {expected} values and holds {held}; "
            "fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_images(images: Path, labels: Path) -> tuple[NDArray[np.uint8], IntArray]:
    """Images `[sample, row, column]` and their labels `[sample]`.

    Raises:
        InvalidInput: as `read_idx`, or the two files disagree in number.
    """
    pixels, found = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(found):
        raise InvalidInput(
            f"{images} holds {len(pixels)} images but {labels} {len(found)} labels; give files "
            "that belong together"
        )
    return pixels, found.astype(np.int64)


def _unzipped(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except EOFError as error:
        raise InvalidInput(f"{path} is cut short: its gzip stream has no end") from error
    except (OSError, zlib.error) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
