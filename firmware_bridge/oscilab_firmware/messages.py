"""The messages of the protocol: their numbers and the layouts of their payloads.

Everything here follows PROTOCOL.md, sections 4 and 5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from oscilab_firmware.frames import Frame

MAGIC = 0x4643534F
ANSWER = 0x80
"""Added to the type of a command for the type of its answer."""
ANY = 0xFFFFFFFF
"""In ABORT: any exchange or pause in progress."""
NO_CHANNEL = 0xFFFF
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


class Kind(IntEnum):
    """Types of messages."""

    HELLO = 0x01
    CAPABILITIES = 0x02
    LIMITS = 0x03
    WATCHDOG = 0x04
    INTERLOCKS = 0x05
    SET_OUTPUTS = 0x06
    GET_OUTPUTS = 0x07
    READ_INPUTS = 0x08
    PAUSE = 0x09
    EXCHANGE = 0x0A
    SEGMENT = 0x0B
    TRIGGER = 0x0C
    CLEAR = 0x0D
    BYE = 0x0E
    HEARTBEAT = 0x20
    ABORT = 0x21
    MAKE_SAFE = 0x22
    READ_ACK = 0x23
    PLANT_SETUP = 0x40
    PLANT_LINES = 0x41
    PLANT_START = 0x42
    PLANT_TERMS = 0x43
    READINGS = 0xF0
    EVENT = 0xF1
    CREDIT = 0xF2
    ERROR = 0xFF


class Refusal(IntEnum):
    """Why a frame was refused, or an exchange failed."""

    BAD_FRAME = 1
    VERSION = 2
    SESSION = 3
    SEQUENCE = 4
    TYPE = 5
    LENGTH = 6
    VALUE = 7
    BUSY = 8
    NO_LIMITS = 9
    RANGE = 10
    SLEW = 11
    NO_WATCHDOG = 12
    TRIPPED = 13
    INTERLOCK = 14
    NO_ROOM = 15
    TOO_LARGE = 16
    NO_EXCHANGE = 17
    UNDERRUN = 18
    OVERRUN = 19
    ABORTED = 20
    PLANT = 21
    CHANNEL = 22


class Happening(IntEnum):
    """Kinds of `EVENT`."""

    DONE = 1
    ABORTED = 2
    FAILED = 3
    TRIPPED = 4
    SAFE = 5


class State(IntEnum):
    """State of the last exchange."""

    NONE = 0
    LOADING = 1
    RUNNING = 2
    DONE = 3
    ABORTED = 4
    FAILED = 5


class Trip(IntEnum):
    """Why the device made its outputs safe by itself."""

    NO = 0
    WATCHDOG = 1
    INTERLOCK = 2
    MAKE_SAFE = 3


class DeviceFlag(IntFlag):
    """Features of a device."""

    VIRTUAL_CLOCK = 1
    PLANT = 2
    DIGITAL_INTERLOCKS = 4
    READ_BACK = 8


class BankKind(IntEnum):
    """Kinds of channels in a bank."""

    ANALOG_OUTPUT = 0
    DIGITAL_OUTPUT = 1
    ANALOG_INPUT = 2
    DIGITAL_INPUT = 3


class Malformed(Exception):
    """A payload of the wrong size for its message, with a correct CRC."""


def _unpacked(layout: struct.Struct, payload: bytes, offset: int = 0) -> tuple[Any, ...]:
    try:
        return layout.unpack_from(payload, offset)
    except struct.error as error:
        raise Malformed(str(error)) from error


def hello(oldest: int, newest: int) -> bytes:
    """Return the payload of `HELLO`, with the versions that this side supports."""
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
        """Return the message in a payload."""
        *numbers, firmware, serial = _unpacked(_HELLO_ANSWER, payload)
        return cls(*[*numbers, _text(firmware), _text(serial)])


@dataclass(frozen=True)
class Bank:
    """Equal channels: volts = lower_uV / 1e6 + code * step_nV / 1e9 for codes 0 to `top`."""

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
        """Return the message in a payload with `count` banks."""
        *numbers, _ = _unpacked(_CAPABILITIES, payload)
        places = range(_CAPABILITIES.size, _CAPABILITIES.size + count * _BANK.size, _BANK.size)
        banks = tuple(Bank(*_unpacked(_BANK, payload, place)[:-1]) for place in places)
        return cls(*[*numbers, banks])


@dataclass(frozen=True)
class Status:
    """The status of the device, the answer to every urgent message."""

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
        """Return the message in a payload."""
        return cls(*_unpacked(_STATUS, payload, offset))


@dataclass(frozen=True)
class Event:
    """An event that the device reports by itself, with its status."""

    event: int
    channel: int
    value: int
    status: Status

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """Return the message in a payload."""
        numbers = _unpacked(_EVENT, payload)
        return cls(*[*numbers, Status.of(payload, _EVENT.size)])


@dataclass(frozen=True)
class Report:
    """The payload of `ERROR`: the refused message, the reason, and the relevant numbers."""

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
        """Return the message in a payload."""
        refused, _, *rest = _unpacked(_ERROR, payload)
        return cls(*[refused, *rest])


@dataclass(frozen=True, eq=False)
class CodedRows:
    """Rows of codes `[row, input]` of an exchange, starting at `first_row`."""

    exchange: int
    first_row: int
    codes: Codes

    @classmethod
    def of(cls, frame: Frame) -> Self:
        """Return the rows in a frame."""
        exchange, first, inputs, _ = _unpacked(_READINGS, frame.payload)
        codes = np.frombuffer(frame.payload, CODE, offset=_READINGS.size)
        if codes.size != frame.count * inputs:
            raise Malformed(f"{codes.size} codes in {frame.count} rows of {inputs}")
        return cls(exchange, first, codes.reshape(frame.count, inputs))


@dataclass(frozen=True)
class Credit:
    """The number of accepted records of an exchange, and the room for more."""

    exchange: int
    accepted: int
    store_free: int

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """Return the message in a payload of `CREDIT` or of an answer to `SEGMENT`."""
        return cls(*_unpacked(_CREDIT, payload))


def codes_of(payload: bytes, offset: int = 4) -> Codes:
    """Return the codes at the end of a payload."""
    try:
        return np.frombuffer(payload, CODE, offset=offset)
    except ValueError as error:
        raise Malformed(str(error)) from error


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "replace")
