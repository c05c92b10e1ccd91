"""The array seam: what every array offers, real or simulated."""

from oscilab.arrays.description import ArrayDescription, Capability, Identity
from oscilab.arrays.readings import ForceReading, PositionReading, Trajectory
from oscilab.arrays.record import DeviceRecord, LineRecord, Recorded
from oscilab.arrays.seam import Hardware, OscillatorArray, SavedState

__all__ = [
    "ArrayDescription",
    "Capability",
    "DeviceRecord",
    "ForceReading",
    "Hardware",
    "Identity",
    "LineRecord",
    "OscillatorArray",
    "PositionReading",
    "Recorded",
    "SavedState",
    "Trajectory",
]
