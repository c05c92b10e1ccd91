"""What a device says of its lines, for run files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class LineRecord:
    """One line and what its volts mean: quantity = (volts - offset) / gain, in core units.

    `target` is what it is wired to, such as `stiffness[0]` or `force[3]`. It spans `lower` to
    `upper` volts in steps of `resolution` (0 where it is not stated). The errors are standard
    errors of `gain` and `offset`, `residual` what the straight line leaves, in volts.
    """

    name: str
    target: str
    gain: float = 1.0
    offset: float = 0.0
    lower: float = 0.0
    upper: float = 1.0
    resolution: float = 0.0
    gain_error: float = 0.0
    offset_error: float = 0.0
    residual: float = 0.0


@dataclass(frozen=True)
class DeviceRecord:
    """All lines in use, the samples that are averaged for a reading, and constants in SI units."""

    lines: tuple[LineRecord, ...]
    average: int = 1
    constants: Mapping[str, float] = field(default_factory=dict[str, float])


@runtime_checkable
class Recorded(Protocol):
    """An array that has lines."""

    def record(self) -> DeviceRecord:
        """Return its lines as they are calibrated now."""
        ...
