"""A virtual Keysight 33500B or 33600A: two channels that hold a level or play a waveform.

A channel's offset and its triggered arbitrary waveforms act on the array. Periodic shapes (sine,
square ...) act by their mean, which is the offset.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from oscilab.types import Volts
from oscilab_sim.scpi.backplane import Backplane, Program
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.instrument import Instrument, Setting, SettingsTable
from oscilab_sim.scpi.message import Call, Kind, quoted, real

FREQUENCIES = {
    "33509B": 20e6, "33510B": 20e6, "33511B": 20e6, "33512B": 20e6, "33521B": 30e6,
    "33522B": 30e6, "33611A": 80e6, "33612A": 80e6, "33621A": 120e6, "33622A": 120e6,
}  # fmt: skip
"""The largest frequency of a sine in Hz, by model."""
LARGEST_V = 10.0
"""Limit into an open circuit. The limit into 50 ohms is half of it and is not checked."""
INFINITE = {"INF": math.inf, "INFINITY": math.inf}
FUNCTIONS = (
    "SINusoid", "SQUare", "TRIangle", "RAMP", "PULSe", "PRBS", "NOISe", "ARBitrary", "DC",
)  # fmt: skip
CHANNELS = (1, 2)
SOURCE_OHM = 50.0
FULL_SCALE = 32767.0
SHORTEST, LONGEST = 8, 1_048_576
BUILT_IN = "INT:\\BUILTIN\\EXP_RISE.ARB"


def _add_settings(table: SettingsTable, changed: Callable[[int], None], largest_hz: float) -> None:
    """Add all settings, with their values after `*RST`.

    `changed` is called where the volts of a channel may have changed.
    """
    source = "[SOURce#]"
    low, high = 1e-6, largest_hz
    level = f"{source}:VOLTage"
    for setting in (
        Setting("function", f"{source}:FUNCtion", "SIN", "word", choices=FUNCTIONS),
        Setting("offset", f"{level}:OFFSet", 0.0, unit="V", low=-LARGEST_V, high=LARGEST_V),
        Setting("output", "OUTPut#[:STATe]", 0.0, "boolean"),
    ):
        table.add(setting, changed)
    for setting in (
        Setting("amplitude", f"{level}[:LEVel][:IMMediate][:AMPLitude]", 0.1, unit="V", low=1e-3,
                high=2 * LARGEST_V),
        Setting("unit", f"{level}:UNIT", "VPP", "word", choices=("VPP", "VRMS", "DBM")),
        Setting("auto range", f"{level}:RANGe:AUTO", 1.0, "boolean"),
        Setting("frequency", f"{source}:FREQuency[:CW]", 1e3, unit="HZ", low=low, high=high),
        Setting("frequency mode", f"{source}:FREQuency:MODE", "CW", "word",
                choices=("CW", "FIXed", "SWEep", "LIST")),
        Setting("phase", f"{source}:PHASe[:ADJust]", 0.0, unit="DEG", low=-360.0, high=360.0),
        Setting("duty", f"{source}:FUNCtion:SQUare:DCYCle", 50.0, unit="PCT", low=0.01,
                high=99.99),
        Setting("symmetry", f"{source}:FUNCtion:RAMP:SYMMetry", 100.0, unit="PCT", low=0.0,
                high=100.0),
        Setting("pulse period", f"{source}:FUNCtion:PULSe:PERiod", 1e-3, unit="S", low=33e-9,
                high=1e6),
        Setting("pulse hold", f"{source}:FUNCtion:PULSe:HOLD", "WIDT", "word",
                choices=("WIDTh", "DCYCle")),
        Setting("width", f"{source}:FUNCtion:PULSe:WIDTh", 1e-4, unit="S", low=16e-9, high=1e6),
        Setting("pulse duty", f"{source}:FUNCtion:PULSe:DCYCle", 10.0, unit="PCT", low=0.0,
                high=100.0),
        Setting("edge", f"{source}:FUNCtion:PULSe:TRANsition[:LEADing]", 1e-8, unit="S",
                low=8.4e-9, high=1e-6),
        Setting("polarity", "OUTPut#:POLarity", "NORM", "word", choices=("NORMal", "INVerted")),
    ):  # fmt: skip
        table.add(setting)
    table.keep("waveform", "")
    _add_bursts(table, source)
    _add_instrument(table)


def _add_bursts(table: SettingsTable, source: str) -> None:
    burst = f"{source}:BURSt"
    wave = f"{source}:FUNCtion:ARBitrary"
    for setting in (
        Setting("burst", f"{burst}:STATe", 0.0, "boolean"),
        Setting("burst mode", f"{burst}:MODE", "TRIG", "word", choices=("TRIGgered", "GATed")),
        Setting("cycles", f"{burst}:NCYCles", 1.0, low=1.0, high=1e8, words=INFINITE),
        Setting("burst phase", f"{burst}:PHASe", 0.0, unit="DEG", low=-360.0, high=360.0),
        Setting("gate", f"{burst}:GATE:POLarity", "NORM", "word",
                choices=("NORMal", "INVerted")),
        Setting("burst period", f"{burst}:INTernal:PERiod", 0.01, unit="S", low=1e-6, high=8e3),
        Setting("sample rate", f"{wave}:SRATe", 4e4, unit="HZ", low=1e-6, high=1e9),
        Setting("advance", f"{wave}:ADVance", "SRAT", "word", choices=("TRIGger", "SRATe")),
        Setting("arb filter", f"{wave}:FILTer", "STEP", "word", choices=("NORMal", "STEP", "OFF")),
        Setting("source", "TRIGger#:SOURce", "IMM", "word",
                choices=("IMMediate", "EXTernal", "TIMer", "BUS")),
        Setting("slope", "TRIGger#:SLOPe", "POS", "word", choices=("POSitive", "NEGative")),
        Setting("count", "TRIGger#:COUNt", 1.0, low=1, high=1e6),
        Setting("delay", "TRIGger#:DELay", 0.0, unit="S", low=0.0, high=1e3),
        Setting("timer", "TRIGger#:TIMer", 1.0, unit="S", low=1e-6, high=8e3),
    ):  # fmt: skip
        table.add(setting)


def _add_instrument(table: SettingsTable) -> None:
    order = ("NORMal", "SWAPped")
    for setting in (
        Setting("sync", "OUTPut:SYNC[:STATe]", 1.0, "boolean"),
        Setting("sync source", "OUTPut:SYNC:SOURce", "CH1", "word", choices=("CH1", "CH2")),
        Setting("order", "FORMat:BORDer", "NORM", "word", choices=order),
        Setting("display", "DISPlay[:STATe]", 1.0, "boolean"),
    ):
        table.add(setting, lone=True)


class Keysight33500(Instrument):
    """The instrument `name` of a rack; its channel 2 drives the line `name_2`.

    Levels refer to the load that `OUTPut:LOAD` states. The lines of the array draw no current, so
    with the default of 50 ohms they are at twice the requested level.
    """

    sign = "+"

    def __init__(self, name: str, serial: str, backplane: Backplane, model: str = "33512B") -> None:
        super().__init__(f"Agilent Technologies,{model},{serial},4.00-1.19-2.00-58-00")
        self._name, self._backplane = name, backplane
        self.settings = SettingsTable(self.tree, CHANNELS, lists=False, style=real)
        self._waveforms: dict[int, dict[str, Volts]] = {number: {} for number in CHANNELS}
        self._on_load: dict[int, float] = {}
        _add_settings(self.settings, self._changed, FREQUENCIES.get(model, 20e6))
        self._add_levels()
        self._add_waveforms()
        self._add_triggers()
        backplane.listen(lambda: self._start("EXT"))

    def reset(self) -> None:
        """Switch outputs off, reset settings, and remove the waveforms."""
        self.settings.reset()
        self._on_load.clear()
        for number in CHANNELS:
            self._waveforms[number].clear()
            self._changed(number)

    def trigger(self) -> None:
        """Start the channels that wait for the bus (`*TRG`)."""
        self.busy_s += self._backplane.play(self._start("BUS"))

    def _add_levels(self) -> None:
        source = "[SOURce#]:VOLTage"
        self.tree.add(f"{source}[:LEVel][:IMMediate]:HIGH", self._set_end(1), self._ask_end(1))
        self.tree.add(f"{source}[:LEVel][:IMMediate]:LOW", self._set_end(-1), self._ask_end(-1))
        self.tree.add("OUTPut#:LOAD", self._set_load, self._ask_load)
        self.tree.add("[SOURce#]:PHASe:SYNChronize", lambda call: None)
        self.tree.add("[SOURce#]:FUNCtion:PULSe:TRANsition:BOTH", self._set_edges)

    def _add_waveforms(self) -> None:
        add = self.tree.add
        data = "[SOURce#]:DATA"
        add(f"{data}:ARBitrary", self._upload(1.0))
        add(f"{data}:ARBitrary:DAC", self._upload(FULL_SCALE))
        add(f"{data}:VOLatile:CLEar", self._clear_waveforms)
        add(f"{data}:VOLatile:CATalog", ask=self._catalogue)
        add(f"{data}:VOLatile:FREE", ask=lambda call: f"{LONGEST - self._used(call):+d}")
        add("[SOURce#]:FUNCtion:ARBitrary", self._choose, self._chosen)
        add("[SOURce#]:FUNCtion:ARBitrary:POINts", ask=self._points)

    def _add_triggers(self) -> None:
        self.tree.add("TRIGger#[:IMMediate]", self._trigger_channel)
        self.tree.add("ABORt", lambda call: None)

    def _changed(self, number: int) -> None:
        on = self.settings.number("output", number)
        level = self.settings.number("offset", number) * self._open_circuit(number) if on else 0.0
        self._backplane.drive({self._line(number): level})

    def _line(self, number: int) -> str:
        return f"{self._name}_{number}"

    def _open_circuit(self, number: int) -> float:
        load = self._on_load.get(number, SOURCE_OHM)
        return 1.0 if math.isinf(load) else (load + SOURCE_OHM) / load

    def _number(self, call: Call) -> int:
        return self.settings.named(call, len(call.parameters))[0]

    def _set_end(self, sign: int) -> Callable[[Call], None]:
        def set_it(call: Call) -> None:
            call.expect(1)
            number = self._number(call)
            other = self._ends(number)[-sign]
            value = call.number(0, "V", -LARGEST_V, LARGEST_V)
            if sign * (value - other) <= 0:
                raise ScpiError(-221)
            self.settings.put("offset", number, (value + other) / 2)
            self.settings.put("amplitude", number, abs(value - other))
            self._changed(number)

        return set_it

    def _ask_end(self, sign: int) -> Callable[[Call], str]:
        return lambda call: real(self._ends(self._number(call))[sign])

    def _ends(self, number: int) -> dict[int, float]:
        middle = self.settings.number("offset", number)
        half = self.settings.number("amplitude", number) / 2
        return {1: middle + half, -1: middle - half}

    def _set_load(self, call: Call) -> None:
        call.expect(1)
        number = self._number(call)
        load = call.number(0, "OHM", 1.0, 1e4, {"INF": math.inf, "INFINITY": math.inf})
        before = self._open_circuit(number)
        self._on_load[number] = load
        # The voltage at the socket stays; the reported levels refer to the new load.
        for name in ("offset", "amplitude"):
            value = self.settings.number(name, number) * before / self._open_circuit(number)
            self.settings.put(name, number, value)
        self._changed(number)

    def _ask_load(self, call: Call) -> str:
        return real(self._on_load.get(self._number(call), SOURCE_OHM))

    def _set_edges(self, call: Call) -> None:
        call.expect(1)
        self.settings.put("edge", self._number(call), call.number(0, "S", 8.4e-9, 1e-6))

    def _upload(self, full_scale: float) -> Callable[[Call], None]:
        def upload(call: Call) -> None:
            call.expect(2, len(call.parameters))
            number = call.suffixes[0]
            if number not in CHANNELS:
                raise ScpiError(-114)
            name = call.text(0).upper()
            if name in self._waveforms[number]:
                raise ScpiError(786, "Specified arb waveform already exists")
            swapped = self.settings.get("order") == "SWAP"
            if call.parameters[1].kind is Kind.BLOCK and full_scale != 1.0:
                values = call.block(1, "<i2" if swapped else ">i2")
            else:
                values = call.numbers(1, swapped)
            if (np.abs(values) > full_scale).any():
                raise ScpiError(-222)
            if not SHORTEST <= len(values) <= LONGEST:
                raise ScpiError(-223 if len(values) > LONGEST else -222)
            self._waveforms[number][name] = values / full_scale

        return upload

    def _clear_waveforms(self, call: Call) -> None:
        self._waveforms[self._number(call)].clear()

    def _catalogue(self, call: Call) -> str:
        names = [BUILT_IN, *self._waveforms[self._number(call)]]
        return ",".join(quoted(name) for name in names)

    def _used(self, call: Call) -> int:
        return sum(len(values) for values in self._waveforms[self._number(call)].values())

    def _choose(self, call: Call) -> None:
        call.expect(1)
        number, name = call.suffixes[0], call.text(0).upper()
        if number not in CHANNELS:
            raise ScpiError(-114)
        if name != BUILT_IN and name not in self._waveforms[number]:
            raise ScpiError(-224)
        self.settings.put("waveform", number, name)

    def _chosen(self, call: Call) -> str:
        return quoted(str(self.settings.get("waveform", self._number(call))))

    def _points(self, call: Call) -> str:
        number = self._number(call)
        name = str(self.settings.get("waveform", number))
        return f"{len(self._waveforms[number].get(name, np.zeros(SHORTEST))):+d}"

    def _trigger_channel(self, call: Call) -> None:
        call.expect(0)
        number = call.suffixes[0]
        if number not in CHANNELS:
            raise ScpiError(-114)
        self.busy_s += self._backplane.play(self._programs([number]))

    def _start(self, source: str) -> list[Program]:
        return self._programs([n for n in CHANNELS if self.settings.get("source", n) == source])

    def _programs(self, numbers: list[int]) -> list[Program]:
        return [program for number in numbers if (program := self._program(number)) is not None]

    def _program(self, number: int) -> Program | None:
        name = str(self.settings.get("waveform", number))
        shape = self._waveforms[number].get(name)
        plays = self.settings.get("function", number) == "ARB" and shape is not None
        if not (plays and self.settings.number("burst", number)
                and self.settings.number("output", number)):  # fmt: skip
            return None
        assert shape is not None
        scale = self._open_circuit(number)
        half = self.settings.number("amplitude", number) / 2
        volts = (self.settings.number("offset", number) + half * shape) * scale
        cycles = self.settings.number("cycles", number)
        volts = np.tile(volts, int(cycles) if math.isfinite(cycles) else 1)
        rate = self.settings.number("sample rate", number)
        return Program(self._line(number), volts, rate, float(volts[-1]))
