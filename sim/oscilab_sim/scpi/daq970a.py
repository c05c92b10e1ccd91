"""A virtual Keysight DAQ970A: a voltmeter behind multiplexers, and digital ports.

It reads DC volts on its multiplexers and bytes on a DAQM907A; other functions of the real
instrument are unknown headers. A scan reads its channels one after the other in ascending order,
while the board's clock runs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from oscilab_sim.scpi.backplane import Backplane, Program
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.instrument import CommandTree, Instrument, Setting, SettingsTable
from oscilab_sim.scpi.message import INFINITY, Call, block_of, channel_list, quoted
from oscilab_visa.daq970a import MODULES

MOST_READINGS = 100_000
"""Size of its memory, and the largest trigger count."""
WORDS = {"AUTO": 0.0, "DEF": 0.0, "DEFAULT": 0.0}
INFINITE = {"INF": INFINITY, "INFINITY": INFINITY}
SOURCES = ("IMMediate", "BUS", "EXTernal", "TIMer")
LINE_HZ = 50.0
RANGES = (0.1, 1.0, 10.0, 100.0, 300.0)
OVER_RANGE = 1.2
RESOLUTIONS = {"DEF": 0.0, "DEFAULT": 0.0, "MIN": 1e-9, "MAX": 1.0}


def _add_settings(table: SettingsTable) -> None:
    """Add all settings, with their values after `*RST`."""
    volts = "[SENSe]:VOLTage[:DC]"
    for setting in (
        Setting("range", f"{volts}:RANGe", 0.0, unit="V", low=0.1, high=300.0, words=WORDS),
        Setting("auto", f"{volts}:RANGe:AUTO", 1.0, "boolean"),
        Setting("nplc", f"{volts}:NPLCycles", 1.0, low=0.02, high=200.0),
        Setting("zero", f"{volts}:ZERO:AUTO", 1.0, "boolean"),
        Setting("impedance", "INPut:IMPedance:AUTO", 0.0, "boolean"),
        Setting("delay", "ROUTe:CHANnel:DELay", 0.0, unit="S", low=0.0, high=60.0),
        Setting("delay auto", "ROUTe:CHANnel:DELay:AUTO", 1.0, "boolean"),
    ):
        table.add(setting)
    for setting in (
        Setting("source", "TRIGger:SOURce", "IMM", "word", choices=SOURCES),
        Setting("count", "TRIGger:COUNt", 1.0, low=1, high=MOST_READINGS, words=INFINITE),
        Setting("timer", "TRIGger:TIMer", 0.0, unit="S", low=0.0, high=359_999.0),
        Setting("with unit", "FORMat:READing:UNIT", 0.0, "boolean"),
        Setting("with time", "FORMat:READing:TIME", 0.0, "boolean"),
        Setting("with channel", "FORMat:READing:CHANnel", 0.0, "boolean"),
        Setting("with alarm", "FORMat:READing:ALARm", 0.0, "boolean"),
        Setting("display", "DISPlay[:STATe]", 1.0, "boolean"),
    ):
        table.add(setting, lone=True)


def volt_rates(modules: Mapping[int, str]) -> dict[int, float]:
    """Return the voltmeter channels and their readings per second; `modules` are by slot."""
    return {
        100 * slot + number: MODULES[module].rate_hz
        for slot, module in modules.items()
        for number in range(1, MODULES[module].volts + 1)
    }


def port_numbers(modules: Mapping[int, str]) -> set[int]:
    """Return the numbers of the digital ports."""
    return {
        100 * slot + number
        for slot, module in modules.items()
        for number in range(1, MODULES[module].ports + 1)
    }


def named(call: Call, place: int, known: Collection[int]) -> list[int]:
    """Return the channels of the list at `place`.

    Raises:
        ScpiError: there is no list, or one names a channel that is not `known`.
    """
    call.expect(place + 1)
    try:
        return call.channels(place, list(known))
    except ScpiError as error:
        if error.code == -222:
            raise ScpiError(112, "Channel list: channel number out of range") from None
        raise


@dataclass(frozen=True)
class MemoryEntry:
    """One reading in memory; that of a digital port has no `unit`."""

    value: float
    unit: str
    channel: int
    seconds: float


class ReadingMemory:
    """Readings since the last scan was initiated, and the commands that fetch or remove them.

    `settings` says what is reported with each reading: unit, time, channel, alarm.
    """

    def __init__(self, settings: SettingsTable) -> None:
        self._settings = settings
        self._readings: list[MemoryEntry] = []

    def add_commands(self, tree: CommandTree) -> None:
        """Add the commands that only read memory."""
        tree.add("FETCh", ask=lambda call: self.formatted())
        tree.add("R", ask=lambda call: self._taken(call, as_block=True))
        tree.add("DATA:REMove", ask=lambda call: self._taken(call, as_block=False))
        tree.add("DATA:LAST", ask=lambda call: self._format_all(self._readings[-1:]))

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, readings: list[MemoryEntry]) -> None:
        """Add the readings of one scan; if memory is full the oldest are lost."""
        self._readings += readings
        del self._readings[:-MOST_READINGS]

    def clear(self) -> None:
        """Remove all readings."""
        self._readings.clear()

    def formatted(self) -> str:
        """Return all readings as text, and keep them.

        Raises:
            ScpiError: there are none.
        """
        return self._format_all(self._readings)

    def _taken(self, call: Call, as_block: bool) -> str:
        call.expect(0 if as_block else 1, 1)
        most = call.integer(0, 1, MOST_READINGS) if call.has(0) else len(self)
        if most > len(self) and not as_block:
            raise ScpiError(-222)
        readings, self._readings = self._readings[:most], self._readings[most:]
        text = self._format_all(readings) if readings else ""
        return block_of(text.encode()) if as_block else text

    def _format_all(self, readings: list[MemoryEntry]) -> str:
        if not readings:
            raise ScpiError(-230)
        begin = readings[0].seconds
        return ",".join(self._format_one(reading, begin) for reading in readings)

    def _format_one(self, reading: MemoryEntry, begin: float) -> str:
        parts = [figure(reading.value)]
        if self._settings.number("with unit") and reading.unit:
            parts[0] += f" {reading.unit}"
        if self._settings.number("with time"):
            parts.append(f"{reading.seconds - begin:012.3f}")
        if self._settings.number("with channel"):
            parts.append(str(reading.channel))
        if self._settings.number("with alarm"):
            parts.append("0")
        return ",".join(parts)


def figure(value: float) -> str:
    """Return a number as a DAQ970A writes it: `+1.50000000E+00`."""
    return f"{value:+.8E}"


class DigitalPorts:
    """Digital ports; bit 3 of port 302 of the instrument `name` is the line `name_302_3`."""

    def __init__(self, name: str, backplane: Backplane, numbers: Collection[int]) -> None:
        self._name, self._backplane, self._numbers = name, backplane, numbers
        self._bytes: dict[int, int] = {}

    def add_commands(self, tree: CommandTree) -> None:
        """Add the commands that write and read bytes."""
        tree.add("SOURce:DIGital:DATA[:BYTE]", self._set, self._ask)
        tree.add("[SENSe]:DIGital:DATA[:BYTE]", ask=self._read)

    def reset(self) -> None:
        """Set all lines low and make all ports inputs."""
        self._write(dict.fromkeys(self._bytes, 0))
        self._bytes.clear()

    def byte(self, number: int) -> int:
        """Return the byte that was written to a port, or else the levels of its lines."""
        if number in self._bytes:
            return self._bytes[number]
        lines = [f"{self._name}_{number}_{bit}" for bit in range(8)]
        bits = self._backplane.read(lines, 0.0)
        return sum(1 << bit for bit, level in enumerate(bits) if level > 0.5)

    def _set(self, call: Call) -> None:
        call.expect(2)
        value = call.integer(0, 0, 255)
        self._write(dict.fromkeys(named(call, 1, self._numbers), value))

    def _write(self, values: Mapping[int, int]) -> None:
        self._bytes.update(values)
        self._backplane.drive(
            {
                f"{self._name}_{port}_{bit}": float(value >> bit & 1)
                for port, value in values.items() for bit in range(8)
            }
        )  # fmt: skip

    def _ask(self, call: Call) -> str:
        numbers = named(call, 0, self._numbers)
        return ",".join(f"{self._bytes.get(number, 0):+d}" for number in numbers)

    def _read(self, call: Call) -> str:
        numbers = named(call, 0, self._numbers)
        return ",".join(figure(float(self.byte(number))) for number in numbers)


class Daq970a(Instrument):
    """The instrument `name` of a rack; its channel 101 reads the line `name_101`.

    Bit 3 of port 302 is the line `name_302_3`. `modules` are by slot.
    """

    sign = "+"

    def __init__(
        self, name: str, serial: str, backplane: Backplane, modules: Mapping[int, str]
    ) -> None:
        super().__init__(f"Keysight Technologies,DAQ970A,{serial},A.03.03-01.00-02.01-00.03-02-00")
        self._name, self._backplane = name, backplane
        self._modules = dict(modules)
        self._rates = volt_rates(modules)
        ports = port_numbers(modules)
        self._known = [*self._rates, *ports]
        self._scan: list[int] = []
        self._waiting = 0
        self._endless = False
        self.settings = SettingsTable(self.tree, self._known or [0], lists=True, style=figure)
        self._memory = ReadingMemory(self.settings)
        self._ports = DigitalPorts(name, backplane, ports)
        _add_settings(self.settings)
        self._add_measuring()
        self._memory.add_commands(self.tree)
        self._ports.add_commands(self.tree)
        backplane.listen(lambda: self._triggered("EXT"))

    def reset(self) -> None:
        """Reset settings, scan list, trigger, memory and ports."""
        self.settings.reset()
        self._scan.clear()
        self._memory.clear()
        self._waiting, self._endless = 0, False
        self._ports.reset()

    def trigger(self) -> None:
        """Start one scan that waits for the bus (`*TRG`)."""
        if self.settings.get("source") != "BUS" or not self._waiting:
            raise ScpiError(-211)
        self._triggered("BUS")

    def scan_seconds(self, channels: list[int]) -> float:
        """Return the duration of one scan over `channels` in seconds."""
        return sum(self._channel_seconds(number) for number in channels)

    def _add_measuring(self) -> None:
        add = self.tree.add
        add("SYSTem:CTYPe", ask=self._card)
        add("SYSTem:LFRequency", ask=lambda call: f"{LINE_HZ:+.0f}")
        add("CONFigure:VOLTage[:DC]", self._configure)
        add("MEASure:VOLTage[:DC]", ask=self._measure)
        add("[SENSe]:FUNCtion", self._set_function, self._ask_function)
        add("ROUTe:SCAN", self._set_scan, self._ask_scan)
        add("ROUTe:SCAN:SIZE", ask=lambda call: f"{len(self._scan):+d}")
        add("INITiate[:IMMediate]", lambda call: self._initiate())
        add("ABORt", lambda call: self._abort())
        add("READ", ask=self._read)
        add("DATA:POINts", ask=lambda call: self._points())

    def _configure(self, call: Call) -> None:
        call.expect(1, 3)
        last = len(call.parameters) - 1
        numbers = named(call, last, self._rates)
        chosen = call.number(0, "V", 0.1, 300.0, WORDS) if last > 0 else 0.0
        if last > 1:
            call.number(1, "V", 1e-9, 10.0, RESOLUTIONS)
        for number in numbers:
            self.settings.put("range", number, chosen)
            self.settings.put("auto", number, float(chosen == 0))
        self._begin_list(numbers)

    def _measure(self, call: Call) -> str:
        self._configure(call)
        return self._read(Call((), True))

    def _set_function(self, call: Call) -> None:
        call.expect(1, 2)
        if call.text(0).upper() not in ("VOLT", "VOLT:DC", "VOLTAGE", "VOLTAGE:DC"):
            raise ScpiError(-224)

    def _ask_function(self, call: Call) -> str:
        call.expect(0, 1)
        numbers = named(call, 0, self._rates) if call.has(0) else self._scan
        return ",".join(quoted("VOLT") for _ in numbers)

    def _set_scan(self, call: Call) -> None:
        call.expect(1)
        self._begin_list(call.channels(0, self._known))

    def _begin_list(self, numbers: list[int]) -> None:
        if self._waiting:
            raise ScpiError(-221)
        self._scan = sorted(dict.fromkeys(numbers))

    def _ask_scan(self, call: Call) -> str:
        return block_of(channel_list(self._scan).encode())

    def _initiate(self) -> None:
        if not self._scan:
            raise ScpiError(113, "Channel list: empty scan list")
        if self._waiting:
            raise ScpiError(-213)
        self._memory.clear()
        count = self.settings.number("count")
        source = self.settings.get("source")
        self._endless = count >= INFINITY
        self._waiting = 1 if self._endless else int(count)
        if source in ("IMM", "TIM"):
            self._run(1 if self._endless else self._waiting)

    def _abort(self) -> None:
        self._waiting, self._endless = 0, False

    def _triggered(self, source: str) -> list[Program]:
        if self._waiting and self.settings.get("source") == source:
            self._run(1)
        return []

    def _run(self, scans: int) -> None:
        timed = self.settings.get("source") == "TIM"
        for number in range(scans):
            begin = self._backplane.now
            self._one_scan()
            if timed and number + 1 < scans:
                rest = self.settings.number("timer") - (self._backplane.now - begin)
                self._wait(max(0.0, rest))
        if not self._endless:
            self._waiting -= scans

    def _one_scan(self) -> None:
        values: dict[int, float] = {}
        for each in _alike([(n, self._channel_seconds(n)) for n in self._scan]):
            lines = [f"{self._name}_{number}" for number, _ in each]
            volts = self._backplane.read(lines, each[0][1])
            self.busy_s += each[0][1] * len(each)
            values |= {number: value for (number, _), value in zip(each, volts, strict=True)}
        self._memory.add([self._entry(number, values) for number in self._scan])

    def _entry(self, number: int, volts: Mapping[int, float]) -> MemoryEntry:
        if number in self._rates:
            value, unit = self._ranged(number, volts[number]), "VDC"
        else:
            value, unit = float(self._ports.byte(number)), ""
        return MemoryEntry(value, unit, number, self._backplane.now)

    def _wait(self, seconds: float) -> None:
        self._backplane.wait(seconds)
        self.busy_s += seconds

    def _channel_seconds(self, number: int) -> float:
        if number not in self._rates:
            return 0.0
        aperture = self.settings.number("nplc", number) / LINE_HZ
        return 1 / self._rates[number] + aperture + self.settings.number("delay", number)

    def _ranged(self, number: int, value: float) -> float:
        if self.settings.number("auto", number):
            return value if abs(value) <= RANGES[-1] else math.copysign(INFINITY, value)
        wanted = self.settings.number("range", number)
        reach = next(reach for reach in RANGES if reach >= wanted)
        return value if abs(value) <= OVER_RANGE * reach else math.copysign(INFINITY, value)

    def _read(self, call: Call) -> str:
        call.expect(0)
        if self.settings.number("count") >= INFINITY or self.settings.get("source") == "BUS":
            raise ScpiError(-221)
        self._initiate()
        return self._memory.formatted()

    def _points(self) -> str:
        if self._endless:
            # The real instrument scans in the background; here each query makes one scan.
            self._run(1)
        return f"{len(self._memory):+d}"

    def _card(self, call: Call) -> str:
        call.expect(1)
        module = self._modules.get(call.integer(0, 1, 3), "0")
        return f"Keysight Technologies,{module},0,1.0" if module != "0" else "NONE,0,0,0"


def _alike(timed: list[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """Return the voltmeter's channels, in runs of equal reading times."""
    runs: list[list[tuple[int, float]]] = []
    for number, seconds in timed:
        if seconds == 0:
            continue
        if runs and runs[-1][0][1] == seconds:
            runs[-1].append((number, seconds))
        else:
            runs.append([(number, seconds)])
    return runs
