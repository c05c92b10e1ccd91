"""A virtual QDevil QDAC-II: 24 precision voltage sources, triggers and waveforms.

Commands and replies are those that the public drivers of QCoDeS use. Sine, square, triangle and
sweep generators keep their settings but do not act on the array; traces and lists do. The current
sensors read zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from oscilab.types import Volts
from oscilab_sim.scpi.backplane import Backplane, Program
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.instrument import CommandTree, Instrument, Setting, SettingsTable
from oscilab_sim.scpi.message import Call, plain

CHANNELS = range(1, 25)
HIGH_V = 10.0
"""The reach of a channel in its high range."""
GENERATORS = ("LIST", "SWEep", "SQUare", "SINe", "TRIangle", "AWG")
PERIODIC = ("SQUare", "SINe", "TRIangle")
TRIGGERS = range(1, 6)
SOURCES = (
    "IMMediate", "HOLD", "BUS", *(f"INTernal{n}" for n in range(1, 15)),
    *(f"EXTernal{n}" for n in range(1, 5)),
)  # fmt: skip
INFINITE = {"INF": math.inf, "INFINITY": math.inf}
SLEW = {**INFINITE, "MAX": 2e7}
COUNT = {"INF": -1.0, "INFINITY": -1.0}
MOST_POINTS = 2_000_000
LOW_V = 2.0
AWG_HZ = 1e6


def _add_settings(table: SettingsTable, rearmed: Callable[[str, int], None]) -> None:
    """Add all settings, with their values after `*RST`.

    `rearmed` is called with the generator and the channel when continuous initiation changes.
    """
    _add_sources(table)
    for generator in ("DC", *GENERATORS):
        _add_generator(table, generator, rearmed)
    for generator in PERIODIC:
        _add_periodic(table, generator)
    _add_sweeps(table)
    _add_instrument(table)


def _add_sources(table: SettingsTable) -> None:
    source = "[SOURce#]"
    for setting in (
        Setting("mode", f"{source}[:DC]:VOLTage:MODE", "FIX", "word",
                choices=("FIXed", "LIST", "SWEep")),
        Setting("slew", f"{source}[:DC]:VOLTage:SLEW", math.inf, unit="V/S", low=0.01, high=2e7,
                words=SLEW),
        Setting("range", f"{source}:RANGe", "HIGH", "word", choices=("LOW", "HIGH")),
        Setting("filter", f"{source}:FILTer", "HIGH", "word", choices=("DC", "MEDium", "HIGH")),
    ):  # fmt: skip
        table.add(setting)
    for name, low, high in (("LOW", -2.0, 2.0), ("HIGH", -10.0, 10.0)):
        table.add(Setting(f"{name} low", f"{source}:RANGe:{name}:MINimum", low))
        table.add(Setting(f"{name} high", f"{source}:RANGe:{name}:MAXimum", high))
    sense = "SENSe#"
    for setting in (
        Setting("current range", f"{sense}:RANGe", "HIGH", "word", choices=("LOW", "HIGH")),
        Setting("aperture", f"{sense}:APERture", 0.02, unit="S", low=3e-4, high=1.0),
        Setting("nplc", f"{sense}:NPLCycles", 1.0, low=0.01, high=100.0),
        Setting("sense delay", f"{sense}:DELay", 0.0, unit="S", low=0.0, high=1e4),
        Setting("sense count", f"{sense}:COUNt", 1.0, "integer", low=1, high=2**31, words=COUNT),
        Setting("sense source", f"{sense}:TRIGger:SOURce", "IMM", "word", choices=SOURCES),
        Setting("sense again", f"{sense}:INITiate:CONTinuous", 0.0, "boolean"),
    ):
        table.add(setting)


def _add_generator(
    table: SettingsTable, generator: str, rearmed: Callable[[str, int], None]
) -> None:
    kind = "".join(letter for letter in generator if not letter.islower())
    path = f"SOURce#:{generator}"
    default = "IMM" if generator == "DC" else "BUS"
    table.add(Setting(f"{kind} source", f"{path}:TRIGger:SOURce", default, "word", choices=SOURCES))
    again = Setting(f"{kind} again", f"{path}:INITiate:CONTinuous", 0.0, "boolean")
    table.add(again, lambda number: rearmed(generator, number))
    table.add(Setting(f"{kind} delay", f"{path}:DELay", 0.0, unit="S", low=0.0, high=1e4))
    for marker in ("STARt", "END", "SSTart", "SEND", "PSTart", "PEND"):
        name = f"{kind} marker {marker}"
        table.add(Setting(name, f"{path}:MARKer:{marker}", 0.0, "integer", low=0, high=14))
    if generator != "DC":
        count = Setting(f"{kind} count", f"{path}:COUNt", 1.0, "integer", low=1, high=2**31,
                        words=COUNT)  # fmt: skip
        table.add(count)
        table.add(Setting(f"{kind} slew", f"{path}:SLEW", math.inf, unit="V/S", low=0.01,
                          high=2e7, words=SLEW))  # fmt: skip


def _add_periodic(table: SettingsTable, generator: str) -> None:
    path = f"SOURce#:{generator}"
    for setting in (
        Setting(f"{generator} period", f"{path}:PERiod", 1e-3, unit="S", low=1e-6, high=1e5),
        Setting(f"{generator} frequency", f"{path}:FREQuency", 1e3, unit="HZ", low=1e-5, high=5e5),
        Setting(f"{generator} span", f"{path}:SPAN", 0.2, unit="V", low=0.0, high=20.0),
        Setting(f"{generator} offset", f"{path}:OFFSet", 0.0, unit="V", low=-10.0, high=10.0),
        Setting(f"{generator} cycle", f"{path}:DCYCle", 50.0, unit="PCT", low=0.0, high=100.0),
        Setting(f"{generator} polarity", f"{path}:POLarity", "NORM", "word",
                choices=("NORMal", "INVerted")),
        Setting(f"{generator} type", f"{path}:TYPe", "SYMM", "word",
                choices=("SYMMetric", "POSitive", "NEGative")),
    ):  # fmt: skip
        table.add(setting)


def _add_sweeps(table: SettingsTable) -> None:
    for name, low, high in (("STARt", -10.0, 10.0), ("STOP", -10.0, 10.0)):
        table.add(Setting(f"sweep {name}", f"SOURce#:SWEep:{name}", 0.0, unit="V", low=low,
                          high=high))  # fmt: skip
    for setting in (
        Setting("sweep points", "SOURce#:SWEep:POINts", 2.0, "integer", low=2, high=1e6),
        Setting("SWE dwell", "SOURce#:SWEep:DWELl", 1e-3, unit="S", low=2e-6, high=1e4),
        Setting("sweep time", "SOURce#:SWEep:TIME", 2e-3, unit="S"),
        Setting("sweep generation", "SOURce#:SWEep:GENeration", "STEP", "word",
                choices=("STEPped", "ANALog")),
        Setting("sweep direction", "SOURce#:SWEep:DIRection", "UP", "word", choices=("UP", "DOWN")),
        Setting("LIST dwell", "SOURce#:LIST:DWELl", 1e-3, unit="S", low=2e-6, high=1e4),
        Setting("list mode", "SOURce#:LIST:TMODe", "AUTO", "word",
                choices=("AUTO", "STEPped")),
        Setting("list direction", "SOURce#:LIST:DIRection", "UP", "word", choices=("UP", "DOWN")),
        Setting("AWG trace", "SOURce#:AWG:DEFine", "", "text"),
        Setting("AWG scale", "SOURce#:AWG:SCALe", 1.0, low=-10.0, high=10.0),
        Setting("AWG offset", "SOURce#:AWG:OFFSet", 0.0, unit="V", low=-10.0, high=10.0),
    ):  # fmt: skip
        table.add(setting)


def _add_instrument(table: SettingsTable) -> None:
    output = "OUTPut:TRIGger#"
    for setting in (
        Setting("trigger source", f"{output}:SOURce", "HOLD", "word", choices=SOURCES),
        Setting("trigger width", f"{output}:WIDTh", 1e-6, unit="S", low=1e-6, high=1.0),
        Setting("trigger polarity", f"{output}:POLarity", "NORM", "word",
                choices=("NORMal", "INVerted")),
        Setting("trigger delay", f"{output}:DELay", 0.0, unit="S", low=0.0, high=1e4),
    ):  # fmt: skip
        table.add(setting)
    address = Setting("mac", "SYSTem:COMMunicate:LAN:MAC", "04E9162C0101", "text")
    table.add(address, lone=True)
    clock = Setting("clock source", "SYSTem:CLOCk:SOURce", "INT", "word",
                    choices=("INTernal", "EXTernal"))  # fmt: skip
    table.add(clock, lone=True)


class Waveforms:
    """The AWG's `traces` by name, and `lists` by channel."""

    def __init__(self) -> None:
        self.traces: dict[str, Volts] = {}
        self.lists: dict[int, Volts] = {}

    def add_commands(self, tree: CommandTree) -> None:
        """Add the commands that fill, remove and list them."""
        tree.add("TRACe:DEFine", self._define)
        tree.add("TRACe:DATA", self._fill)
        tree.add("TRACe:REMove", self._remove)
        tree.add("TRACe:REMove:ALL", lambda call: self.traces.clear())
        tree.add("TRACe:CATalog", ask=lambda call: ",".join(f'"{name}"' for name in self.traces))
        tree.add("SOURce#:LIST:VOLTage", self._set_list, self._ask_list)
        tree.add("SOURce#:LIST:VOLTage:APPend", self._append_list)
        tree.add("SOURce#:LIST:POINts", ask=lambda call: str(len(self._list_of(call))))

    def clear(self) -> None:
        """Remove all traces and lists."""
        self.traces.clear()
        self.lists.clear()

    def _define(self, call: Call) -> None:
        call.expect(2)
        self.traces[call.text(0)] = np.zeros(call.integer(1, 1, MOST_POINTS))

    def _fill(self, call: Call) -> None:
        name = call.text(0)
        if name not in self.traces:
            raise ScpiError(-224)
        values = call.numbers(1, swapped=True)
        if len(values) > len(self.traces[name]):
            raise ScpiError(-223)
        self.traces[name] = values

    def _remove(self, call: Call) -> None:
        call.expect(1)
        if self.traces.pop(call.text(0), None) is None:
            raise ScpiError(-224)

    def _set_list(self, call: Call) -> None:
        number = _channel(call)
        self.lists[number] = call.numbers(0, swapped=True, low=-HIGH_V, high=HIGH_V)

    def _append_list(self, call: Call) -> None:
        number = _channel(call)
        more = call.numbers(0, swapped=True, low=-HIGH_V, high=HIGH_V)
        self.lists[number] = np.concatenate([self.lists.get(number, np.zeros(0)), more])

    def _list_of(self, call: Call) -> Volts:
        return self.lists.get(_channel(call), np.zeros(0))

    def _ask_list(self, call: Call) -> str:
        return ",".join(plain(value) for value in self._list_of(call).tolist())


def repeated(volts: Volts, count: float) -> Volts:
    """Return `volts` repeated `count` times; once for an endless or very long repetition."""
    times = int(count) if 0 < count < MOST_POINTS / len(volts) else 1
    return np.tile(volts, times)


def _channel(call: Call) -> int:
    number = call.suffixes[0]
    if number not in CHANNELS:
        raise ScpiError(-114)
    return number


class Qdac2(Instrument):
    """The instrument `name` of a rack; its channel 3 drives the line `name_3`."""

    def __init__(self, name: str, serial: str, backplane: Backplane) -> None:
        super().__init__(f"QDevil, QDAC-II, {serial}, 13-1.57")
        self._name, self._backplane = name, backplane
        self.settings = SettingsTable(self.tree, CHANNELS, lists=True)
        self._staged: dict[int, float] = {}
        self._armed: set[tuple[str, int]] = set()
        self._waveforms = Waveforms()
        self.settings.keep("level", 0.0)
        _add_settings(self.settings, self._rearmed)
        self._add_levels()
        self._add_starts()
        self._waveforms.add_commands(self.tree)
        self._add_sensors()
        backplane.listen(lambda: self._on_trigger("EXT1"))

    def reset(self) -> None:
        """Set every channel to 0 V, disarm the generators, and remove the traces."""
        self.settings.reset()
        self._armed.clear()
        self._staged.clear()
        self._waveforms.clear()
        self._drive(dict.fromkeys(CHANNELS, 0.0))

    def trigger(self) -> None:
        """Start the generators that wait for the bus (`*TRG`)."""
        self.busy_s += self._backplane.play(self._on_trigger("BUS"))

    def _add_levels(self) -> None:
        add = self.tree.add
        level = "[SOURce#][:DC]:VOLTage[:LEVel]"
        add(f"{level}[:IMMediate][:AMPLitude]", self._set_level, self._ask("level"))
        add(f"{level}:LAST", ask=self._ask("level"))
        add(f"{level}:TRIGgered", self._stage, self._ask_staged)

    def _add_starts(self) -> None:
        for generator in ("DC", *GENERATORS):
            for command, act in (("INITiate[:IMMediate]", self._arm), ("ABORt", self._disarm)):
                self.tree.add(f"SOURce#:{generator}:{command}", self._each(act, generator))
        for generator in GENERATORS:
            self.tree.add(f"SOURce#:{generator}:NCLeft", ask=self._none_left)
        self.tree.add("SOURce#:ALL:ABORt", self._each(self._disarm_all, ""))
        self.tree.add("ABORt", lambda call: self._armed.clear())
        self.tree.add("TINTernal", self._internal)
        self.tree.add("OUTPut:TRIGger#:SIGNal", lambda call: self._pulse())

    def _add_sensors(self) -> None:
        zeros = self._zeros
        self.tree.add("READ#", ask=zeros)
        self.tree.add("FETCh#", ask=zeros)
        self.tree.add("SENSe#:DATA:LAST", ask=zeros)
        self.tree.add("SENSe#:DATA:POINts", ask=lambda call: self._of_channel(call, "0"))
        self.tree.add("SENSe#:DATA:REMove", ask=zeros)
        self.tree.add("SENSe#:NCLeft", ask=lambda call: self._of_channel(call, "0"))
        self.tree.add("SENSe#:INITiate[:IMMediate]", self._each(lambda number, kind: None, ""))
        self.tree.add("SENSe#:ABORt", self._each(lambda number, kind: None, ""))

    def _set_level(self, call: Call) -> None:
        call.expect(1, 2)
        numbers = self.settings.named(call, 1)
        volts = [self._checked(call, number) for number in numbers]
        for number in numbers:
            self.settings.put("mode", number, "FIX")
        self._drive(dict(zip(numbers, volts, strict=True)))

    def _checked(self, call: Call, number: int) -> float:
        reach = LOW_V if self.settings.get("range", number) == "LOW" else HIGH_V
        return call.number(0, "V", -reach, reach)

    def _stage(self, call: Call) -> None:
        call.expect(1, 2)
        for number in self.settings.named(call, 1):
            self._staged[number] = self._checked(call, number)

    def _ask_staged(self, call: Call) -> str:
        numbers = self.settings.named(call, 0)
        return ",".join(
            plain(self._staged.get(n, self.settings.number("level", n))) for n in numbers
        )

    def _ask(self, name: str) -> Callable[[Call], str]:
        def ask(call: Call) -> str:
            call.expect(0, 1)
            numbers = self.settings.named(call, 0)
            return ",".join(plain(self.settings.number(name, number)) for number in numbers)

        return ask

    def _drive(self, volts: dict[int, float]) -> None:
        for number, value in volts.items():
            self.settings.put("level", number, value)
        self._backplane.drive({self._line(number): value for number, value in volts.items()})

    def _line(self, number: int) -> str:
        return f"{self._name}_{number}"

    def _each(self, act: Callable[[int, str], None], generator: str) -> Callable[[Call], None]:
        def run(call: Call) -> None:
            call.expect(0, 1)
            for number in self.settings.named(call, 0):
                act(number, generator)

        return run

    def _arm(self, number: int, generator: str) -> None:
        kind = _short(generator)
        source = self.settings.get(f"{kind} source", number)
        self._armed.add((kind, number))
        if source == "IMM":
            self.busy_s += self._backplane.play(self._start({(kind, number)}))

    def _rearmed(self, generator: str, number: int) -> None:
        if self.settings.number(f"{_short(generator)} again", number):
            self._arm(number, generator)
        else:
            self._disarm(number, generator)

    def _disarm(self, number: int, generator: str) -> None:
        self._armed.discard((_short(generator), number))

    def _disarm_all(self, number: int, generator: str) -> None:
        self._armed = {(kind, other) for kind, other in self._armed if other != number}

    def _internal(self, call: Call) -> None:
        call.expect(1)
        source = f"INT{call.integer(0, 1, 14)}"
        if source in [self.settings.get("trigger source", number) for number in TRIGGERS]:
            # The trigger output is wired to all instruments of the rack.
            self.busy_s += self._backplane.pulse(lambda: self._on_trigger(source))
        else:
            self.busy_s += self._backplane.play(self._on_trigger(source))

    def _pulse(self) -> None:
        self.busy_s += self._backplane.pulse()

    def _on_trigger(self, source: str) -> list[Program]:
        waiting = {
            (kind, number) for kind, number in self._armed
            if self.settings.get(f"{kind} source", number) == source
        }  # fmt: skip
        return self._start(waiting)

    def _start(self, waiting: set[tuple[str, int]]) -> list[Program]:
        kept = {each for each in waiting if self.settings.number(f"{each[0]} again", each[1])}
        self._armed -= waiting - kept
        begun = [n for kind, n in waiting if kind == "DC" and n in self._staged]
        levels = {number: self._staged.pop(number) for number in begun}
        self._drive(levels)
        return [
            program for kind, number in sorted(waiting)
            if (program := self._program(kind, number)) is not None
        ]  # fmt: skip

    def _program(self, kind: str, number: int) -> Program | None:
        level = self.settings.number("level", number)
        if kind == "AWG":
            trace = self._waveforms.traces.get(str(self.settings.get("AWG trace", number)))
            if trace is None:
                self.note(ScpiError(-221))
                return None
            shape = trace * self.settings.number("AWG scale", number)
            volts = level + shape + self.settings.number("AWG offset", number)
            count = self.settings.number("AWG count", number)
            return Program(self._line(number), repeated(volts, count), AWG_HZ, level)
        if kind == "DC" and self._plays_list(number):
            rate = 1 / self.settings.number("LIST dwell", number)
            count = self.settings.number("LIST count", number)
            volts = repeated(self._waveforms.lists[number], count)
            self.settings.put("level", number, float(volts[-1]))
            return Program(self._line(number), volts, rate, float(volts[-1]))
        return None

    def _plays_list(self, number: int) -> bool:
        return self.settings.get("mode", number) == "LIST" and number in self._waveforms.lists

    def _none_left(self, call: Call) -> str:
        return self._of_channel(call, "0")

    def _of_channel(self, call: Call, reply: str) -> str:
        return ",".join(reply for _ in self.settings.named(call, 0))

    def _zeros(self, call: Call) -> str:
        call.expect(0, 1)
        return self._of_channel(call, "0.0")


def _short(generator: str) -> str:
    return "".join(letter for letter in generator if not letter.islower())
