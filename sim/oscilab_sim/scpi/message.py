"""Program messages of IEEE 488.2 and SCPI: headers, and parameters of every kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from oscilab_sim.scpi.errors import ScpiError


class Kind(Enum):
    """What a parameter is, by its look."""

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
    """One command or query: the whole `header` from the root in capitals, without its `?`."""

    header: str
    is_query: bool
    parameters: tuple[Parameter, ...]


_HEADER = re.compile(rb"\s*(\*[A-Za-z]+|:?[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*)(\?)?")
_NUMBER = re.compile(rb"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:\s?[eE]\s?[+-]?\d+)?)\s*([A-Za-z%]*)")
_OTHER_BASE = re.compile(rb"#(?:[hH]([0-9A-Fa-f]+)|[bB]([01]+)|[qQ]([0-7]+))")
_WORD = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_STRING = re.compile(rb'"((?:[^"]|"")*)"|\'((?:[^\']|\'\')*)\'')
_EXPRESSION = re.compile(rb"\(([^()]*)\)")
_SPACE = re.compile(rb"[\x00-\x20]*")
LONGEST_MNEMONIC = 12
LONGEST_EXPONENT = 5


def commands(message: bytes) -> Iterator[Command]:
    """The commands of one message, one after the other, as an instrument executes them.

    A header without a leading colon goes on from the path of the one before it.

    Raises:
        ScpiError: where the rest of the message cannot be understood.
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
