"""The settings of a DAQ970A, which mostly only need to be kept and told."""

from __future__ import annotations

from oscilab_sim.scpi.call import INFINITY
from oscilab_sim.scpi.settings import Setting, SettingsTable

MOST_READINGS = 100_000
"""What its memory holds, and the most scans that one trigger count can ask for."""
WORDS = {"AUTO": 0.0, "DEF": 0.0, "DEFAULT": 0.0}
INFINITE = {"INF": INFINITY, "INFINITY": INFINITY}
SOURCES = ("IMMediate", "BUS", "EXTernal", "TIMer")


def add_settings(table: SettingsTable) -> None:
    """All of them, with the values that `*RST` leaves."""
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
