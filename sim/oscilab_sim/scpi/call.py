"""One command as its handler sees it: parameters by position, checked and converted."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oscilab.types import Float64Array
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.message import Kind, Parameter

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
"""What SCPI writes for infinity, and an overloaded meter for its reading."""
_CHANNELS = re.compile(r"\s*(\d+)\s*(?::\s*(\d+)\s*)?$")


@dataclass
class Call:
    """A command that was found in an instrument's tree; `suffixes` are those of its header."""

    parameters: tuple[Parameter, ...]
    is_query: bool
    suffixes: tuple[int, ...] = ()

    def expect(self, least: int, most: int | None = None) -> None:
        """Refuse fewer or more parameters."""
        if len(self.parameters) < least:
            raise ScpiError(-109)
        if len(self.parameters) > (least if most is None else most):
            raise ScpiError(-108)

    def has(self, place: int) -> bool:
        """Whether there is a parameter at `place`."""
        return place < len(self.parameters)

    def is_channel_list(self, place: int) -> bool:
        """Whether the parameter at `place` is an expression such as `(@1:3)`."""
        return self.has(place) and self.parameters[place].kind is Kind.EXPRESSION

    def number(
        self,
        place: int,
        unit: str = "",
        low: float = -math.inf,
        high: float = math.inf,
        words: Mapping[str, float] | None = None,
    ) -> float:
        """A number within bounds; MIN, MAX and `words` stand for some."""
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
        """A whole number within bounds; others are rounded, as IEEE 488.2 has it."""
        return round(self.number(place, low=low, high=high))

    def boolean(self, place: int) -> bool:
        """ON, OFF, or a number that is zero or not."""
        parameter = self.parameters[place]
        if parameter.kind is Kind.WORD:
            if parameter.text not in ("ON", "OFF"):
                raise ScpiError(-224)
            return parameter.text == "ON"
        return self.integer(place) != 0

    def word(self, place: int, choices: Collection[str]) -> str:
        """One of `choices`, written as `TRIGgered`; the short form in capitals comes back."""
        parameter = self.parameters[place]
        if parameter.kind is not Kind.WORD:
            raise ScpiError(-104)
        for choice in choices:
            short = re.sub("[a-z]", "", choice)
            if parameter.text in (short, choice.upper()):
                return short
        raise ScpiError(-224)

    def text(self, place: int) -> str:
        """A string, or a bare word, as the names of waveforms may be."""
        parameter = self.parameters[place]
        if parameter.kind not in (Kind.STRING, Kind.WORD):
            raise ScpiError(-104)
        return parameter.text

    def channels(self, place: int, known: Collection[int]) -> list[int]:
        """The numbers of a channel list such as `(@1,3:5)`, in the order given.

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
        """All further parameters: one block of float32, or numbers one by one.

        `swapped` blocks are little-endian. A block that is no whole number of values is refused.
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
        """The values of a block, which must be the last parameter."""
        self.expect(place + 1)
        data = self.parameters[place].data
        if not data or len(data) % np.dtype(dtype).itemsize:
            raise ScpiError(-161)
        with np.errstate(invalid="ignore"):
            return np.frombuffer(data, dtype).astype(np.float64)


def quoted(text: str) -> str:
    """A string in quotes, as replies carry it."""
    return '"' + text.replace('"', '""') + '"'


def real(value: float) -> str:
    """A number as Keysight writes it: `+1.50000000000000E+00`."""
    return f"{INFINITY if math.isinf(value) else value:+.14E}"


def plain(value: float) -> str:
    """A number in the fewest digits that tell it apart."""
    return repr(float(value)).removesuffix(".0")


def block_of(data: bytes) -> str:
    """A block of definite length, as latin-1 text."""
    length = str(len(data))
    return f"#{len(length)}{length}" + data.decode("latin-1")


def channel_list(numbers: Sequence[int]) -> str:
    """`(@1,2,3)`."""
    return f"(@{','.join(map(str, numbers))})"
