"""The Keysight DAQ970A: slow and precise readings of many voltages in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.plugins import choices
from oscilab.types import Volts
from oscilab.wired.channels import Channel
from oscilab_visa.connection import Daq970aTable, Unit, numbers_in
from oscilab_visa.instrument import Linked, identified
from oscilab_visa.link import Link


@dataclass(frozen=True)
class Module:
    """A plug-in module: the numbers of voltmeter channels and of ports, and readings per second."""

    volts: int = 0
    ports: int = 0
    rate_hz: float = 80.0


MODULES = {
    "DAQM900A": Module(volts=20, rate_hz=450.0),
    "DAQM901A": Module(volts=20, rate_hz=80.0),
    "DAQM902A": Module(volts=16, rate_hz=250.0),
    "DAQM908A": Module(volts=40, rate_hz=80.0),
    "DAQM907A": Module(ports=2),
}
"""Figures from the data sheets. A slower instrument only makes a run longer."""
BITS = 8
DIGITS = 2.2e6
"""Steps in half a range, at 6 1/2 digits."""


class Daq970a(Linked):
    """Analog inputs such as `daq_101`, and digital inputs or outputs such as `daq_302_0`.

    A scan is triggered by its query, and reads its channels in ascending order.
    """

    reads_back = True

    def __init__(self, unit: Unit) -> None:
        table = unit.table
        assert isinstance(table, Daq970aTable)
        self.name, self._table, self._serial = unit.name, table, unit.serial
        where = f"instruments.{unit.name}"
        modules = _modules(table, where)
        self._volts = numbers_in(table.inputs, f"{where}.inputs")
        self._in_ports = numbers_in(table.input_ports, f"{where}.input_ports")
        self._out_ports = numbers_in(table.output_ports, f"{where}.output_ports")
        for number in self._volts:
            _check(number, {slot: kind.volts for slot, kind in modules.items()}, "input", where)
        for number in (*self._in_ports, *self._out_ports):
            _check(number, {slot: kind.ports for slot, kind in modules.items()}, "port", where)
        self._rates = {number: modules[number // 100].rate_hz for number in self._volts}
        reach = table.range_V
        self.inputs = [
            Channel(self._line(number), "analog", "in", -reach, reach, reach / DIGITS)
            for number in self._volts
        ] + [Channel(line, "digital", "in") for line in self._bits(self._in_ports)]
        self.outputs = [Channel(line, "digital", "out") for line in self._bits(self._out_ports)]
        self._number_of = {self._line(number): number for number in self._volts}
        self._ready = False
        self._scan: list[int] = []
        self._count = 0

    def connect(self, link: Link) -> str:
        """See `RackInstrument`; a module other than in the bench file is refused."""
        self._link, self._ready = link, False
        _, serial = identified(link, ["DAQ970A", "DAQ973A"], self._serial)
        for slot, module in self._table.modules.items():
            found = link.ask(f"SYST:CTYP? {slot}")
            if module not in found:
                raise DeviceFailed(
                    f"{link} has {found!r} in slot {slot}, not the {module} that the bench file "
                    "says; correct one of them"
                )
        return serial

    def read_outputs(self) -> list[float]:
        """Return the levels of the digital outputs that were written last."""
        found: list[float] = []
        for port in self._out_ports:
            value = round(self.link.numbers(f"SOUR:DIG:DATA:BYTE? (@{port})", 1)[0])
            found += [float(value >> bit & 1) for bit in range(BITS)]
        return found

    def set(self, levels: Mapping[int, float]) -> None:
        """Set digital outputs, port by port."""
        now = self.read_outputs()
        for output, level in levels.items():
            now[output] = level
        for place, port in enumerate(self._out_ports):
            if any(output // BITS == place for output in levels):
                bits = now[BITS * place : BITS * (place + 1)]
                value = sum(1 << bit for bit, level in enumerate(bits) if level > 0.5)
                self.link.command(f"SOUR:DIG:DATA:BYTE {value},(@{port})")

    def read(self, names: Sequence[str], samples: int) -> Volts:
        """Return readings `[input, sample]`: analog inputs by a scan, then digital ports."""
        found = np.empty((len(names), samples))
        analog = [row for row, name in enumerate(names) if name in self._number_of]
        if analog:
            numbers = [self._number_of[names[row]] for row in analog]
            found[analog] = self._scanned(numbers, samples)
        ports: dict[str, int] = {}
        for row, name in enumerate(names):
            if name in self._number_of:
                continue
            port, _, bit = name.removeprefix(f"{self.name}_").partition("_")
            if port not in ports:
                ports[port] = round(self.link.numbers(f"SENS:DIG:DATA:BYTE? (@{port})", 1)[0])
            found[row] = float(ports[port] >> int(bit) & 1)
        return found

    def seconds(self, names: Sequence[str]) -> float:
        """Return the duration of a scan over these inputs in seconds, without digital ports."""
        numbers = [self._number_of[name] for name in names if name in self._number_of]
        aperture = self._table.nplc / self._table.line_hz + self._table.delay_s
        return sum(1 / self._rates[number] + aperture for number in numbers)

    def off(self) -> None:
        """Stop the scan and set digital outputs low."""
        self._ready = False
        self.link.command("ABOR")
        for port in self._out_ports:
            self.link.command(f"SOUR:DIG:DATA:BYTE 0,(@{port})")

    def _scanned(self, numbers: list[int], samples: int) -> Volts:
        if not self._ready:
            self._configure()
        order = sorted(numbers)
        if order != self._scan:
            self.link.command(f"ROUT:SCAN (@{','.join(map(str, order))})")
            self._scan = order
        if samples != self._count:
            self.link.command(f"TRIG:COUN {samples}")
            self._count = samples
        takes = samples * self.seconds([self._line(number) for number in numbers])
        values = self.link.numbers("READ?", samples * len(order), takes)
        readings = np.array(values).reshape(samples, len(order)).T
        return readings[[order.index(number) for number in numbers]]

    def _configure(self) -> None:
        everything = f"(@{','.join(map(str, self._volts))})"
        table = self._table
        self.link.command("ABOR")
        self.link.command(f"CONF:VOLT:DC {table.range_V:g},{everything}")
        self.link.command(f"VOLT:DC:NPLC {table.nplc:g},{everything}")
        self.link.command(f"ROUT:CHAN:DEL {table.delay_s:g},{everything}")
        self.link.command("TRIG:SOUR IMM")
        for extra in ("UNIT", "TIME", "CHAN", "ALAR"):
            self.link.command(f"FORM:READ:{extra} OFF")
        self._scan, self._count, self._ready = sorted(self._volts), 0, True

    def _line(self, number: int) -> str:
        return f"{self.name}_{number}"

    def _bits(self, ports: Sequence[int]) -> list[str]:
        return [f"{self.name}_{port}_{bit}" for port in ports for bit in range(BITS)]


def _modules(table: Daq970aTable, where: str) -> dict[int, Module]:
    for slot, module in table.modules.items():
        if slot not in ("1", "2", "3"):
            raise InvalidInput(f"{where}.modules names the slot {slot!r}; there are 1, 2 and 3")
        if module not in MODULES:
            raise InvalidInput(
                f"{where}.modules.{slot}: unknown module {module!r}; {choices(module, MODULES)}"
            )
    return {int(slot): MODULES[module] for slot, module in table.modules.items()}


def _check(number: int, most: Mapping[int, int], what: str, where: str) -> None:
    slot, place = divmod(number, 100)
    if not 1 <= place <= most.get(slot, 0):
        there = ", ".join(f"{s}01 to {s}{n:02}" for s, n in most.items() if n) or "none"
        raise InvalidInput(
            f"{where}: there is no {what} {number} on its modules ({what}s: {there}); correct the "
            "number or the modules"
        )
