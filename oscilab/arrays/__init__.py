"""The array seam: what every array offers, real or simulated."""

from oscilab.arrays.description import ArrayDescription, Capability, Identity
from oscilab.arrays.readings import ForceReading, PositionReading, Trajectory
from oscilab.arrays.record import DeviceRecord, LineRecord, Recorded
from oscilab.arrays.seam import (
    Condition,
    Hardware,
    InterlockState,
    OscillatorArray,
    SavedState,
    Supervised,
)

__all__ = [
    "ArrayDescription",
    "Capability",
    "Condition",
    "DeviceRecord",
    "ForceReading",
    "Hardware",
    "Identity",
    "InterlockState",
    "LineRecord",
    "OscillatorArray",
    "PositionReading",
    "Recorded",
    "SavedState",
    "Supervised",
    "Trajectory",
]
