"""The settings of a QDAC-II, which mostly only need to be kept and told."""

from __future__ import annotations

import math
from collections.abc import Callable

from oscilab_sim.scpi.settings import Setting, SettingsTable

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


def add_settings(table: SettingsTable, rearmed: Callable[[str, int], None]) -> None:
    """All of them, with the values that `*RST` leaves.

    `rearmed` is told of the generator and the channel that is to start at every trigger, or at
    none any more.
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
