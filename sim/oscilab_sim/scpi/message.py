"""Parsing of IEEE 488.2 and SCPI program messages, from bytes to commands with checked parameters.

`Framer` splits a stream into messages, whose blocks may contain any byte, and `commands` parses a
message. A `Call` checks and converts the parameters of one command for its handler. The functions
at the end format the values of replies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from oscilab.types import Float64Array
from oscilab_sim.scpi.errors import ScpiError

MOST_TEXT = 1 << 20
"""Largest size of a message outside its blocks, in bytes."""
MOST_BLOCK = 1 << 26
_SPECIAL = re.compile(rb"""[\n"'#]""")
_HEADER = re.compile(rb"\s*(\*[A-Za-z]+|:?[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*)(\?)?")
_NUMBER = re.compile(rb"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:\s?[eE]\s?[+-]?\d+)?)\s*([A-Za-z%]*)")
_OTHER_BASE = re.compile(rb"#(?:[hH]([0-9A-Fa-f]+)|[bB]([01]+)|[qQ]([0-7]+))")
_WORD = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_STRING = re.compile(rb'"((?:[^"]|"")*)"|\'((?:[^\']|\'\')*)\'')
_EXPRESSION = re.compile(rb"\(([^()]*)\)")
_SPACE = re.compile(rb"[\x00-\x20]*")
LONGEST_MNEMONIC = 12
LONGEST_EXPONENT = 5
UNITS: Mapping[str, Mapping[str, float]] = {
    "V": {"V": 1.0, "MV": 1e-3, "UV": 1e-6, "KV": 1e3, "VPP": 1.0},
    "S": {"S": 1.0, "MS": 1e-3, "US": 1e-6, "NS": 1e-9},
    "HZ": {"HZ": 1.0, "KHZ": 1e3, "MHZ": 1e6, "GHZ": 1e9, "UHZ": 1e-6},
    "OHM": {"OHM": 1.0, "KOHM": 1e3, "MOHM": 1e6},
    "DEG": {"DEG": 1.0},
    "PCT": {"PCT": 1.0, "%": 1.0},
    "V/S": {"V": 1.0},
    "": {},
}
INFINITY = 9.9e37
"""SCPI's number for infinity, and the reading of an overloaded meter."""
_CHANNELS = re.compile(r"\s*(\d+)\s*(?::\s*(\d+)\s*)?$")


@dataclass(frozen=True)
class Overrun:
    """A message longer than the instrument's input buffer; nothing of it is executed."""


class Framer:
    """Splits a stream of bytes into messages without their terminator.

    A newline ends a message, even inside quotes, but not inside a block of definite length
    (`#210ten bytes!`). A message that exceeds the buffer is dropped up to the next newline.
    """

    def __init__(self, most_text: int = MOST_TEXT, most_block: int = MOST_BLOCK) -> None:
        self._most_text, self._most_block = most_text, most_block
        self._buffer = bytearray()
        self._at = 0
        self._in_blocks = 0
        self._quote: int | None = None
        self._dropping = False

    @property
    def in_block(self) -> bool:
        """Whether bytes of a block are still to come."""
        return self._buffer[self._at : self._at + 1] == b"#"

    def feed(self, data: bytes) -> list[bytes | Overrun]:
        """Return the messages that end within `data`, and the overruns found in it."""
        self._buffer += data
        found: list[bytes | Overrun] = []
        while True:
            message = self._next()
            if message is None:
                return found
            found.append(message)

    def _next(self) -> bytes | Overrun | None:
        if self._dropping:
            end = self._buffer.find(b"\n")
            if end < 0:
                self._buffer.clear()
                return None
            del self._buffer[: end + 1]
            self._dropping = False
        while (special := _SPECIAL.search(self._buffer, self._at)) is not None:
            place, byte = special.start(), self._buffer[special.start()]
            if place - self._in_blocks > self._most_text:
                return self._overrun()
            if byte == 0x0A:
                message = bytes(self._buffer[:place])
                del self._buffer[: place + 1]
                self._restart()
                return message
            self._at = place + 1
            if byte != 0x23:
                if self._quote is None:
                    self._quote = byte
                elif self._quote == byte:
                    self._quote = None
            elif self._quote is None:
                stop = self._block_end(place)
                if stop is None:
                    self._at = place
                    return None
                if stop - place > self._most_block:
                    return self._overrun()
                if stop > len(self._buffer):
                    self._at = place
                    return None
                self._in_blocks += stop - place
                self._at = stop
        self._at = len(self._buffer)
        return self._overrun() if self._at - self._in_blocks > self._most_text else None

    def _block_end(self, place: int) -> int | None:
        """Return the end of the block that begins at `place`; None if more bytes are needed.

        Where there is no block of definite length (a hexadecimal number, a block of indefinite
        length), return `place + 1`.
        """
        digits = self._buffer[place + 1 : place + 2]
        if not digits:
            return None
        if not b"1" <= digits <= b"9":
            return place + 1
        begin = place + 2 + int(digits)
        length = self._buffer[place + 2 : begin]
        if not (length.isdigit() or not length):
            return place + 1
        return begin + int(length) if len(length) == int(digits) else None

    def _overrun(self) -> Overrun:
        self._restart()
        self._dropping = True
        return Overrun()

    def _restart(self) -> None:
        self._at = self._in_blocks = 0
        self._quote = None


class Kind(Enum):
    """The syntactic kind of a parameter."""

    NUMBER = "number"
    WORD = "word"
    STRING = "string"
    BLOCK = "block"
    EXPRESSION = "expression"


@dataclass(frozen=True)
class Parameter:
    """One parameter: `text`, or the bytes of a block; `suffix` is a number's unit."""

    kind: Kind
    text: str = ""
    data: bytes = b""
    suffix: str = ""


@dataclass(frozen=True)
class Command:
    """One command or query; `header` is complete, in capitals and without `?`."""

    header: str
    is_query: bool
    parameters: tuple[Parameter, ...]


def commands(message: bytes) -> Iterator[Command]:
    """Yield the commands of one message in the order of their execution.

    A header without a leading colon continues the path of the one before it.

    Raises:
        ScpiError: the rest of the message cannot be parsed.
    """
    path = ""
    at = _skip(message, 0)
    while at < len(message):
        if message[at : at + 1] == b";":
            at = _skip(message, at + 1)
            continue
        header, is_query, at = _header(message, at)
        if not header.startswith("*"):
            header = header[1:] if header.startswith(":") else path + header
            path = header[: header.rfind(":") + 1]
        parameters, at = _parameters(message, at)
        yield Command(header, is_query, tuple(parameters))


def _header(message: bytes, at: int) -> tuple[str, bool, int]:
    found = _HEADER.match(message, at)
    if found is None:
        raise ScpiError(-101 if message[at] > 0x7F or message[at] < 0x20 else -102)
    at = found.end()
    if at < len(message) and message[at : at + 1] not in (b" ", b"\t", b";", b"\r", b"\0"):
        raise ScpiError(-101 if message[at] > 0x7F else -102)
    header = found[1].decode("ascii").upper()
    if any(len(word.rstrip("0123456789")) > LONGEST_MNEMONIC for word in header.split(":")):
        raise ScpiError(-112)
    return header, found[2] is not None, at


def _parameters(message: bytes, at: int) -> tuple[list[Parameter], int]:
    found: list[Parameter] = []
    at = _skip(message, at)
    while at < len(message) and message[at : at + 1] != b";":
        if found:
            if message[at : at + 1] != b",":
                raise ScpiError(-103)
            at = _skip(message, at + 1)
        parameter, at = _parameter(message, at)
        found.append(parameter)
        at = _skip(message, at)
    return found, at


def _parameter(message: bytes, at: int) -> tuple[Parameter, int]:
    first = message[at : at + 1]
    if first == b"#":
        return _after_hash(message, at)
    if first in (b'"', b"'"):
        return _string(message, at)
    if first == b"(":
        found = _EXPRESSION.match(message, at)
        if found is None:
            raise ScpiError(-171)
        return Parameter(Kind.EXPRESSION, found[1].decode("latin-1")), found.end()
    if (found := _NUMBER.match(message, at)) is not None:
        text = found[1].decode("ascii").replace(" ", "").lower()
        if len(text.partition("e")[2].lstrip("+-").lstrip("0")) > LONGEST_EXPONENT:
            raise ScpiError(-123)
        return Parameter(Kind.NUMBER, text, suffix=found[2].decode("ascii").upper()), found.end()
    if (found := _WORD.match(message, at)) is not None:
        return Parameter(Kind.WORD, found[0].decode("ascii").upper()), found.end()
    if not first or first in (b",", b";"):
        raise ScpiError(-109)
    raise ScpiError(-101)


def _string(message: bytes, at: int) -> tuple[Parameter, int]:
    found = _STRING.match(message, at)
    if found is None:
        raise ScpiError(-151)
    quote = message[at : at + 1]
    text = (found[1] if found[1] is not None else found[2]).replace(quote * 2, quote)
    return Parameter(Kind.STRING, text.decode("latin-1")), found.end()


def _after_hash(message: bytes, at: int) -> tuple[Parameter, int]:
    if (found := _OTHER_BASE.match(message, at)) is not None:
        base = {1: 16, 2: 2, 3: 8}[found.lastindex or 1]
        number = int(found[found.lastindex or 1], base)
        return Parameter(Kind.NUMBER, str(number)), found.end()
    digits = message[at + 1 : at + 2]
    if digits == b"0":
        return Parameter(Kind.BLOCK, data=message[at + 2 :]), len(message)
    if not digits.isdigit():
        raise ScpiError(-161)
    begin = at + 2 + int(digits)
    length = message[at + 2 : begin]
    if len(length) != int(digits) or not length.isdigit():
        raise ScpiError(-161)
    end = begin + int(length)
    if end > len(message):
        raise ScpiError(-161)
    return Parameter(Kind.BLOCK, data=message[begin:end]), end


def _skip(message: bytes, at: int) -> int:
    found = _SPACE.match(message, at)
    return found.end() if found else at


@dataclass
class Call:
    """A call of a command in an instrument's tree; `suffixes` are the numbers in its header."""

    parameters: tuple[Parameter, ...]
    is_query: bool
    suffixes: tuple[int, ...] = ()

    def expect(self, least: int, most: int | None = None) -> None:
        """Refuse a number of parameters below `least` or above `most`."""
        if len(self.parameters) < least:
            raise ScpiError(-109)
        if len(self.parameters) > (least if most is None else most):
            raise ScpiError(-108)

    def has(self, place: int) -> bool:
        """Return whether there is a parameter at `place`."""
        return place < len(self.parameters)

    def is_channel_list(self, place: int) -> bool:
        """Return whether the parameter at `place` is an expression such as `(@1:3)`."""
        return self.has(place) and self.parameters[place].kind is Kind.EXPRESSION

    def number(
        self,
        place: int,
        unit: str = "",
        low: float = -math.inf,
        high: float = math.inf,
        words: Mapping[str, float] | None = None,
    ) -> float:
        """Return a number within bounds, given as such or as MIN, MAX or one of `words`."""
        parameter = self.parameters[place]
        if parameter.kind is Kind.WORD:
            ends = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high}
            known = {**{word: end for word, end in ends.items() if math.isfinite(end)},
                     **(words or {})}  # fmt: skip
            if parameter.text not in known:
                raise ScpiError(-224 if parameter.text in ends else -141)
            value = known[parameter.text]
        elif parameter.kind is Kind.NUMBER:
            scale = 1.0
            if parameter.suffix:
                if not UNITS[unit]:
                    raise ScpiError(-138)
                if parameter.suffix not in UNITS[unit]:
                    raise ScpiError(-131)
                scale = UNITS[unit][parameter.suffix]
            value = float(parameter.text) * scale
            if not math.isfinite(value):
                raise ScpiError(-222)
        else:
            raise ScpiError(-104)
        if not low <= value <= high and value not in (words or {}).values():
            raise ScpiError(-222)
        return value

    def integer(self, place: int, low: float = -math.inf, high: float = math.inf) -> int:
        """Return an integer within bounds; other numbers are rounded, as in IEEE 488.2."""
        return round(self.number(place, low=low, high=high))

    def boolean(self, place: int) -> bool:
        """Return a boolean, given as ON, OFF or a number."""
        parameter = self.parameters[place]
        if parameter.kind is Kind.WORD:
            if parameter.text not in ("ON", "OFF"):
                raise ScpiError(-224)
            return parameter.text == "ON"
        return self.integer(place) != 0

    def word(self, place: int, choices: Collection[str]) -> str:
        """Return the short form of one of `choices`, which are written as `TRIGgered`."""
        parameter = self.parameters[place]
        if parameter.kind is not Kind.WORD:
            raise ScpiError(-104)
        for choice in choices:
            short = re.sub("[a-z]", "", choice)
            if parameter.text in (short, choice.upper()):
                return short
        raise ScpiError(-224)

    def text(self, place: int) -> str:
        """Return a string or a bare word."""
        parameter = self.parameters[place]
        if parameter.kind not in (Kind.STRING, Kind.WORD):
            raise ScpiError(-104)
        return parameter.text

    def channels(self, place: int, known: Collection[int]) -> list[int]:
        """Return the numbers of a channel list such as `(@1,3:5)`, in the order given.

        Raises:
            ScpiError: a number that is not among `known`.
        """
        parameter = self.parameters[place]
        if parameter.kind is not Kind.EXPRESSION or not parameter.text.startswith("@"):
            raise ScpiError(-104)
        found: list[int] = []
        for part in parameter.text[1:].split(",") if parameter.text[1:].strip() else []:
            match = _CHANNELS.match(part)
            if match is None:
                raise ScpiError(-171)
            first, last = int(match[1][:9]), int((match[2] or match[1])[:9])
            if first not in known or last not in known:
                raise ScpiError(-222)
            low, high = min(first, last), max(first, last)
            span = sorted(number for number in known if low <= number <= high)
            found += span if first <= last else span[::-1]
        return found

    def numbers(self, place: int, swapped: bool = False, low: float = -math.inf,
                high: float = math.inf) -> Float64Array:  # fmt: skip
        """Return the remaining parameters: one block of float32, or individual numbers.

        `swapped` blocks are little-endian. A block with an incomplete value is refused.
        """
        self.expect(place + 1, len(self.parameters))
        parameter = self.parameters[place]
        if parameter.kind is Kind.BLOCK:
            values = self.block(place, "<f4" if swapped else ">f4")
        else:
            count = range(place, len(self.parameters))
            values = np.array([self.number(number) for number in count], np.float64)
        if not (np.isfinite(values).all() and (values >= low).all() and (values <= high).all()):
            raise ScpiError(-222)
        return values

    def block(self, place: int, dtype: str) -> Float64Array:
        """Return the values of a block, which must be the last parameter."""
        self.expect(place + 1)
        data = self.parameters[place].data
        if not data or len(data) % np.dtype(dtype).itemsize:
            raise ScpiError(-161)
        with np.errstate(invalid="ignore"):
            return np.frombuffer(data, dtype).astype(np.float64)


def quoted(text: str) -> str:
    """Return a string in quotes, as in replies."""
    return '"' + text.replace('"', '""') + '"'


def real(value: float) -> str:
    """Return a number as Keysight writes it: `+1.50000000000000E+00`."""
    return f"{INFINITY if math.isinf(value) else value:+.14E}"


def plain(value: float) -> str:
    """Return a number with the fewest digits that identify it."""
    return repr(float(value)).removesuffix(".0")


def block_of(data: bytes) -> str:
    """Return a block of definite length, as latin-1 text."""
    length = str(len(data))
    return f"#{len(length)}{length}" + data.decode("latin-1")


def channel_list(numbers: Sequence[int]) -> str:
    """Return a channel list such as `(@1,2,3)`."""
    return f"(@{','.join(map(str, numbers))})"
