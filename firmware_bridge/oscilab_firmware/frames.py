"""Frames: a header, a payload and a CRC in consistent overhead byte stuffing; PROTOCOL.md, 1."""

from __future__ import annotations

import struct
from binascii import crc32
from dataclasses import dataclass

from cobs import cobs

VERSION = 1
DELIMITER = b"\0"
LARGEST = 1 << 17
"""Bytes between two delimiters that are looked at: the largest payload is 65535, stuffed."""
_HEADER = struct.Struct("<BBHIQHH")
_CRC = struct.Struct("<I")
OVERHEAD = _HEADER.size + _CRC.size
"""Bytes of a frame beside its payload, before stuffing."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `count` is how many items its payload lists, `time_ns` the device's clock."""

    type: int
    payload: bytes = b""
    sequence: int = 0
    session: int = 0
    count: int = 0
    time_ns: int = 0
    version: int = VERSION

    def encoded(self) -> bytes:
        """The bytes on the line, with the last delimiter."""
        head = _HEADER.pack(
            self.version, self.type, self.sequence, self.session, self.time_ns, self.count,
            len(self.payload),
        )  # fmt: skip
        body = head + self.payload
        return cobs.encode(body + _CRC.pack(crc32(body))) + DELIMITER


def stuffed_size(payload: int) -> int:
    """The most bytes that a frame with so many bytes of payload takes on the line."""
    size = payload + OVERHEAD
    return size + size // 254 + 1 + len(DELIMITER)


def decoded(piece: bytes) -> Frame | None:
    """The frame between two delimiters, or None where COBS code, length or CRC is wrong."""
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
    """Good frames out of a stream of bytes in pieces of any size.

    What is damaged is counted in `bad` and left out; the frame after it is found.
    """

    def __init__(self) -> None:
        self.bad = 0
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes."""
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
            # No frame is that long: a stream of noise must not fill the memory.
            self.bad += not self._skipping
            self._skipping = True
            self._rest = b""
        return frames
