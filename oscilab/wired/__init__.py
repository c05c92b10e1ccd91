"""From volts to physics: front ends, wiring, calibration, limits, and the array made of them."""

from oscilab.wired.array import WiredArray
from oscilab.wired.calibration import Calibration, Line, Units, read_calibration, write_calibration
from oscilab.wired.channels import Channel, ChannelTable
from oscilab.wired.device import Wired, parts_of
from oscilab.wired.front_end import (
    Aborted,
    AnalogFrontEnd,
    FrontEndCapability,
    FrontEndKind,
    GuardingFrontEnd,
    Samples,
)
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.plays import Planner, Play
from oscilab.wired.waveform import Waveform
from oscilab.wired.wiring import Wiring, WiringRow, wire

__all__ = [
    "Aborted",
    "AnalogFrontEnd",
    "Calibration",
    "Channel",
    "ChannelTable",
    "FrontEndCapability",
    "FrontEndKind",
    "GuardingFrontEnd",
    "Interlocks",
    "Limits",
    "Line",
    "Planner",
    "Play",
    "Samples",
    "Units",
    "Waveform",
    "Wired",
    "WiredArray",
    "Wiring",
    "WiringRow",
    "parts_of",
    "read_calibration",
    "wire",
    "write_calibration",
]
