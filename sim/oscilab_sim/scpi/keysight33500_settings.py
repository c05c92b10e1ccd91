"""The settings of a Keysight 33500B or 33600A, which mostly only need to be kept and told."""

from __future__ import annotations

import math
from collections.abc import Callable

from oscilab_sim.scpi.settings import Setting, SettingsTable

FREQUENCIES = {
    "33509B": 20e6, "33510B": 20e6, "33511B": 20e6, "33512B": 20e6, "33521B": 30e6,
    "33522B": 30e6, "33611A": 80e6, "33612A": 80e6, "33621A": 120e6, "33622A": 120e6,
}  # fmt: skip
"""The largest frequency of a sine, by model."""
LARGEST_V = 10.0
"""Into an open circuit; half of it into 50 ohms, which is not checked here."""
INFINITE = {"INF": math.inf, "INFINITY": math.inf}
FUNCTIONS = (
    "SINusoid", "SQUare", "TRIangle", "RAMP", "PULSe", "PRBS", "NOISe", "ARBitrary", "DC",
)  # fmt: skip


def add_settings(table: SettingsTable, changed: Callable[[int], None], largest_hz: float) -> None:
    """All of them, with the values that `*RST` leaves; `changed` is told where volts may change."""
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
