"""What the payloads of frames mean, byte by byte as in PROTOCOL.md, sections 4 and 5."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from oscilab_firmware.frames import Frame
from oscilab_firmware.messages import MAGIC

CODE = np.dtype("<u2")
Codes = NDArray[np.uint16]
_HELLO = struct.Struct("<IHH")
_HELLO_ANSWER = struct.Struct("<IHHHHI16s16s")
_CAPABILITIES = struct.Struct("<IIIIIIHHHH")
_BANK = struct.Struct("<BBHiIfHHI")
_STATUS = struct.Struct("<BBHIIIQIHBBII")
_EVENT = struct.Struct("<HHi")
_ERROR = struct.Struct("<BBHHHiiiI")
_READINGS = struct.Struct("<IIHH")
_CREDIT = struct.Struct("<III")


class Malformed(Exception):
    """A payload that is not of its message's size, though its CRC is right."""


def _unpacked(layout: struct.Struct, payload: bytes, offset: int = 0) -> tuple[Any, ...]:
    try:
        return layout.unpack_from(payload, offset)
    except struct.error as error:
        raise Malformed(str(error)) from error


def hello(oldest: int, newest: int) -> bytes:
    """The payload of `HELLO`: the versions that this side speaks."""
    return _HELLO.pack(MAGIC, oldest, newest)


@dataclass(frozen=True)
class Hello:
    """The answer to `HELLO`."""

    magic: int
    chosen: int
    oldest: int
    newest: int
    max_payload: int
    rx_bytes: int
    firmware: str
    serial: str

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """From a payload."""
        *numbers, firmware, serial = _unpacked(_HELLO_ANSWER, payload)
        return cls(*[*numbers, _text(firmware), _text(serial)])


@dataclass(frozen=True)
class Bank:
    """A row of like channels: volts = lower_uV / 1e6 + code * step_nV / 1e9, codes 0 to `top`."""

    kind: int
    bits: int
    channels: int
    lower_uV: int
    step_nV: int
    slew: float
    top: int
    power_on: int


@dataclass(frozen=True)
class Capabilities:
    """The answer to `CAPABILITIES`."""

    flags: int
    clock_hz: int
    min_period: int
    update_us: int
    store_bytes: int
    readings_bytes: int
    outputs: int
    inputs: int
    max_interlocks: int
    banks: tuple[Bank, ...]

    @classmethod
    def of(cls, payload: bytes, count: int) -> Self:
        """From a payload that lists `count` banks."""
        *numbers, _ = _unpacked(_CAPABILITIES, payload)
        places = range(_CAPABILITIES.size, _CAPABILITIES.size + count * _BANK.size, _BANK.size)
        banks = tuple(Bank(*_unpacked(_BANK, payload, place)[:-1]) for place in places)
        return cls(*[*numbers, banks])


@dataclass(frozen=True)
class Status:
    """How the device stands; every answer to an urgent message brings it."""

    state: int
    trip: int
    code: int
    exchange: int
    accepted: int
    store_free: int
    samples: int
    rows: int
    expected: int
    at_safe: int
    flags: int
    bad_frames: int
    repeated: int

    @classmethod
    def of(cls, payload: bytes, offset: int = 0) -> Self:
        """From a payload."""
        return cls(*_unpacked(_STATUS, payload, offset))


@dataclass(frozen=True)
class Event:
    """What the device tells by itself, with its status."""

    event: int
    channel: int
    value: int
    status: Status

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """From a payload."""
        numbers = _unpacked(_EVENT, payload)
        return cls(*[*numbers, Status.of(payload, _EVENT.size)])


@dataclass(frozen=True)
class Report:
    """The payload of `ERROR`: what was refused, why, and the numbers that decided it."""

    refused: int
    code: int
    channel: int
    expected: int
    value: int
    lower: int
    upper: int
    item: int

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """From a payload."""
        refused, _, *rest = _unpacked(_ERROR, payload)
        return cls(*[refused, *rest])


@dataclass(frozen=True, eq=False)
class Readings:
    """Rows of codes `[row, input]` of an exchange, from `first_row` on."""

    exchange: int
    first_row: int
    codes: Codes

    @classmethod
    def of(cls, frame: Frame) -> Self:
        """From a frame."""
        exchange, first, inputs, _ = _unpacked(_READINGS, frame.payload)
        codes = np.frombuffer(frame.payload, CODE, offset=_READINGS.size)
        if codes.size != frame.count * inputs:
            raise Malformed(f"{codes.size} codes in {frame.count} rows of {inputs}")
        return cls(exchange, first, codes.reshape(frame.count, inputs))


@dataclass(frozen=True)
class Credit:
    """How many records of an exchange have come, and the room that there is for more."""

    exchange: int
    accepted: int
    store_free: int

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """From a payload of `CREDIT`, or of an answer to `SEGMENT`."""
        return cls(*_unpacked(_CREDIT, payload))


def codes_of(payload: bytes, offset: int = 4) -> Codes:
    """The codes at the end of a payload."""
    try:
        return np.frombuffer(payload, CODE, offset=offset)
    except ValueError as error:
        raise Malformed(str(error)) from error


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "replace")
