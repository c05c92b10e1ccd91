"""From volts to physics: front ends, wiring, calibration, limits, and the array made of them."""

from oscilab.wired.array import WiredArray
from oscilab.wired.calibration import Calibration, Line, read_calibration, write_calibration
from oscilab.wired.channels import Channel, ChannelTable
from oscilab.wired.front_end import (
    Aborted,
    AnalogFrontEnd,
    BenchFrontEnd,
    FrontEndCapability,
    Samples,
)
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.opening import Wired, parts_of
from oscilab.wired.units import Units
from oscilab.wired.waveform import Waveform
from oscilab.wired.wiring import Wiring, WiringRow, wire

__all__ = [
    "Aborted",
    "AnalogFrontEnd",
    "BenchFrontEnd",
    "Calibration",
    "Channel",
    "ChannelTable",
    "FrontEndCapability",
    "Interlocks",
    "Limits",
    "Line",
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
