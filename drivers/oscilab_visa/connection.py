"""The table of a rack in a bench file: `[devices.NAME.connection]`.

    [devices.rack0.connection]
    trigger = { master = "dac1", output = 1, input = 1 }
    [devices.rack0.connection.instruments.dac]
    kind = "qdac2"
    resources = ["TCPIP::192.168.1.11::5025::SOCKET", "TCPIP::192.168.1.12::5025::SOCKET"]
    [devices.rack0.connection.instruments.daq]
    kind = "daq970a"
    resource = "TCPIP::192.168.1.20::5025::SOCKET"
    modules = { 1 = "DAQM900A" }
    inputs = "101:104"

Lines are named after their instrument: `dac1_3`, `daq_101`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from oscilab.bench.tables import Table
from oscilab.errors import InvalidInput

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=False)]
Volts = Annotated[float, Field(allow_inf_nan=False, strict=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
Text = Annotated[str, Field(min_length=1)]
RANGES_V = (0.1, 1.0, 10.0, 100.0, 300.0)
Pair = Annotated[tuple[Volts, Volts], Field(strict=False)]


class InstrumentTable(Table):
    """The keys of every instrument; each kind has a table of its own.

    `resource` is its VISA address; `resources` are those of several instruments of one kind, which
    are numbered from 1. `serial` (or `serials`) is checked with `*IDN?`. `clear` sends `*CLS` and
    `reset` `*RST` on connecting; a reset moves outputs. `settle_s` is the settling time of its
    outputs after a command.
    """

    kind: str
    resource: Text | None = None
    resources: list[Text] = Field(default_factory=list[str])
    serial: Text | None = None
    serials: list[Text] = Field(default_factory=list[str])
    timeout_s: Positive | None = None
    read_termination: str = "\n"
    write_termination: str = "\n"
    baud_rate: Annotated[int, Field(gt=0)] | None = None
    clear: bool = False
    reset: bool = False
    settle_s: NotNegative = 1e-3

    @model_validator(mode="after")
    def _has_an_address(self) -> InstrumentTable:
        if (self.resource is None) == (not self.resources):
            raise ValueError("give either resource or resources")
        if self.serials and len(self.serials) != len(self.resources):
            raise ValueError("give as many serials as resources")
        return self


class Qdac2Table(InstrumentTable):
    """A QDevil QDAC-II. `switches` are the channels used as switches, with volts off and on."""

    channels: Text = "1:24"
    range: Literal["high", "low"] = "high"
    switches: dict[str, Pair] = Field(default_factory=dict, strict=False)


class Keysight33500Table(InstrumentTable):
    """A Keysight 33500B or 33600A, whose channels hold levels."""

    channels: Text = "1:2"


class Daq970aTable(InstrumentTable):
    """A Keysight DAQ970A: `modules` by slot, wired `inputs`, and digital ports.

    `nplc` is the aperture of a reading in power line cycles, `delay_s` the delay before it.
    """

    modules: dict[str, str]
    inputs: str = ""
    input_ports: str = ""
    output_ports: str = ""
    range_V: Positive = 10.0
    nplc: Annotated[float, Field(ge=0.02, le=200, strict=False)] = 0.02
    delay_s: NotNegative = 0.0
    line_hz: Literal[50, 60] = 50

    @model_validator(mode="after")
    def _has_that_range(self) -> Daq970aTable:
        if self.range_V not in RANGES_V:
            there = ", ".join(f"{reach:g}" for reach in RANGES_V)
            raise ValueError(f"range_V is {self.range_V:g}, but the ranges are {there}")
        return self


class GenericTable(InstrumentTable):
    """Any SCPI instrument, by command templates with fields `{channel}`, `{volts}`, `{seconds}`.

    `outputs` and `inputs` are the names of channels in commands, `identity` is a part of its reply
    to `*IDN?`. `set`, `get` and `off` are for outputs, `read` for inputs. `upload` is followed by a
    block of float32, and `trigger` starts it.
    """

    identity: Text
    outputs: list[Text] = Field(default_factory=list[str])
    inputs: list[Text] = Field(default_factory=list[str])
    output_range: Pair = (-10.0, 10.0)
    input_range: Pair = (-10.0, 10.0)
    set: Text | None = None
    get: Text | None = None
    read: Text | None = None
    upload: Text | None = None
    big_endian: bool = True
    trigger: Text | None = None
    error: Text | None = "SYST:ERR?"
    off: Text | None = None
    reading_s: NotNegative = 0.02

    @model_validator(mode="after")
    def _says_how(self) -> GenericTable:
        if self.outputs and (self.set is None or self.off is None):
            raise ValueError("outputs need the commands set and off")
        if self.inputs and self.read is None:
            raise ValueError("inputs need the command read")
        return self


class TriggerTable(Table):
    """The trigger cable, from an output of the QDAC-II `master` to an input of the others."""

    master: Name
    output: Annotated[int, Field(ge=1, le=5)] = 1
    input: Annotated[int, Field(ge=1, le=4)] = 1


class ClockTable(Table):
    """An instrument that keeps time in place of the computer's clock.

    `wait` returns after `{seconds}`, `now` returns the time in seconds.
    """

    resource: Text
    wait: Text
    now: Text


class Connection(Table):
    """The whole table, with instruments in the tables of their kinds (`rack.read_connection`).

    `library` is PyVISA's: "" for the system's library, "@py" for pyvisa-py.
    """

    instruments: Annotated[dict[Name, InstrumentTable], Field(min_length=1)]
    library: str = ""
    timeout_s: Positive = 2.0
    trigger: TriggerTable | None = None
    clock: ClockTable | None = None


@dataclass(frozen=True)
class Unit:
    """One instrument of a rack: its name, address and table, and the rack's trigger cable."""

    name: str
    resource: str
    serial: str | None
    table: InstrumentTable
    trigger: TriggerTable | None = None


def units_of(connection: Connection) -> list[Unit]:
    """Return the instruments in the order of the table; several of one kind are numbered from 1."""
    units: list[Unit] = []
    trigger = connection.trigger
    for name, table in connection.instruments.items():
        if table.resource is not None:
            units.append(Unit(name, table.resource, table.serial, table, trigger))
            continue
        serials = table.serials or [None] * len(table.resources)
        for number, (resource, serial) in enumerate(
            zip(table.resources, serials, strict=True), start=1
        ):
            units.append(Unit(f"{name}{number}", resource, serial, table, trigger))
    return units


def numbers_in(text: str, where: str) -> list[int]:
    """Return the numbers in a list such as `1:3,7`.

    Raises:
        InvalidInput: a malformed list, or a number twice.
    """
    found: list[int] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(\d{1,4})(?::(\d{1,4}))?", part)
        if match is None:
            raise InvalidInput(f"{where} is {text!r}, but must be numbers such as 1:3,7")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    if len(set(found)) < len(found):
        raise InvalidInput(f"{where} names a channel twice in {text!r}; name it once")
    return found
