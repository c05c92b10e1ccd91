"""Which messages, refusals and states there are; the numbers are those of PROTOCOL.md, 4 and 5."""

from __future__ import annotations

from enum import IntEnum, IntFlag

MAGIC = 0x4643534F
ANSWER = 0x80
"""What the type of an answer has more than that of its message."""
ANY = 0xFFFFFFFF
"""Whatever exchange, or pause, is under way."""
NO_CHANNEL = 0xFFFF


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
    """What an `EVENT` tells."""

    DONE = 1
    ABORTED = 2
    FAILED = 3
    TRIPPED = 4
    SAFE = 5


class State(IntEnum):
    """Of the last exchange."""

    NONE = 0
    LOADING = 1
    RUNNING = 2
    DONE = 3
    ABORTED = 4
    FAILED = 5


class Trip(IntEnum):
    """Why the device went to its safe values by itself."""

    NO = 0
    WATCHDOG = 1
    INTERLOCK = 2
    MAKE_SAFE = 3


class DeviceFlag(IntFlag):
    """What a device has."""

    VIRTUAL_CLOCK = 1
    PLANT = 2
    DIGITAL_INTERLOCKS = 4
    READ_BACK = 8


class BankKind(IntEnum):
    """What the channels of a bank are."""

    ANALOG_OUTPUT = 0
    DIGITAL_OUTPUT = 1
    ANALOG_INPUT = 2
    DIGITAL_INPUT = 3
