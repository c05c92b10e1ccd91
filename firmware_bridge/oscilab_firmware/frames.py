"""Frames: header, payload and CRC in consistent overhead byte stuffing (PROTOCOL.md, section 1)."""

from __future__ import annotations

import struct
from binascii import crc32
from dataclasses import dataclass

from cobs import cobs

VERSION = 1
DELIMITER = b"\0"
LARGEST = 1 << 17
"""Longest accepted piece between two delimiters; the largest payload is 65535 bytes, stuffed."""
_HEADER = struct.Struct("<BBHIQHH")
_CRC = struct.Struct("<I")
OVERHEAD = _HEADER.size + _CRC.size
"""Bytes of a frame in addition to its payload, before stuffing."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `count` is the number of items in its payload, `time_ns` the device's clock."""

    type: int
    payload: bytes = b""
    sequence: int = 0
    session: int = 0
    count: int = 0
    time_ns: int = 0
    version: int = VERSION

    def encoded(self) -> bytes:
        """Return the bytes on the line, with the last delimiter."""
        head = _HEADER.pack(
            self.version, self.type, self.sequence, self.session, self.time_ns, self.count,
            len(self.payload),
        )  # fmt: skip
        body = head + self.payload
        return cobs.encode(body + _CRC.pack(crc32(body))) + DELIMITER


def stuffed_size(payload: int) -> int:
    """Return the largest size on the line of a frame with `payload` bytes of payload."""
    size = payload + OVERHEAD
    return size + size // 254 + 1 + len(DELIMITER)


def decoded(piece: bytes) -> Frame | None:
    """Return the frame between two delimiters, or None if COBS code, length or CRC is wrong."""
    try:
        body = cobs.decode(piece)
    except cobs.DecodeError:
        return None
    if len(body) < OVERHEAD:
        return None
    version, kind, sequence, session, time_ns, count, length = _HEADER.unpack_from(body)
    payload = body[_HEADER.size : -_CRC.size]
    if length != len(payload) or _CRC.unpack_from(body, len(body) - _CRC.size)[0] != crc32(
        body[: -_CRC.size]
    ):
        return None
    return Frame(kind, payload, sequence, session, count, time_ns, version)


class FrameParser:
    """Finds good frames in a stream of bytes, fed in pieces of any size.

    Damaged frames are counted in `bad` and dropped; the next frame is found.
    """

    def __init__(self) -> None:
        self.bad = 0
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes."""
        *pieces, self._rest = (self._rest + data).split(DELIMITER)
        if self._skipping and pieces:
            del pieces[0]
            self._skipping = False
        frames: list[Frame] = []
        for piece in pieces:
            if not piece:
                continue
            frame = decoded(piece)
            if frame is None:
                self.bad += 1
            else:
                frames.append(frame)
        if len(self._rest) > LARGEST or self._skipping:
            # No frame is that long; a stream of noise must not fill the memory.
            self.bad += not self._skipping
            self._skipping = True
            self._rest = b""
        return frames
