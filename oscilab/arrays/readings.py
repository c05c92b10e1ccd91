"""What an array returns: set-points always stand beside measured values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from oscilab.types import Float64Array, FloatArray

ReadingKind = Literal["force", "position"]
"""What a measurement ends in: forces, or positions before and after a release."""


@dataclass(frozen=True, eq=False)
class ForceReading:
    """Forces on clamped oscillators.

    `set_points`, `positions` (measured) and `forces` (-grad U acting on the oscillator, not the
    clamp's reaction) are `[batch, oscillator]`.
    """

    set_points: FloatArray
    positions: FloatArray
    forces: FloatArray


@dataclass(frozen=True, eq=False)
class PositionReading:
    """Positions before and after a release of the clamps.

    `set_points`, `start` and `end` are `[batch, oscillator]`; start and end come from the same
    sensor, so its offset cancels in the displacement. `duration` is in array time.
    """

    set_points: FloatArray
    start: FloatArray
    end: FloatArray
    duration: float


def joined(readings: Sequence[ForceReading | PositionReading]) -> ForceReading | PositionReading:
    """Return readings of one kind, in the order given, as one reading."""
    first = readings[0]
    if len(readings) == 1:
        return first
    whole = {
        each.name: np.concatenate([getattr(reading, each.name) for reading in readings])
        for each in fields(first)
        if each.name != "duration"
    }
    return replace(first, **whole)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One playback of a protocol, `copy` times over.

    `positions` is `[copy, time, oscillator]` at the array times `times` `[time]`, counted from the
    start of the protocol; the first and the last instant are always among them. `work` and `heat`
    `[copy]`, in kT, are what the drive put in and the bath took up, or None where the array cannot
    read positions at every switch of the drive.
    """

    times: Float64Array
    positions: FloatArray
    work: Float64Array | None
    heat: Float64Array | None

    @property
    def initial(self) -> FloatArray:
        """Positions at the start, `[copy, oscillator]`."""
        return self.positions[:, 0]

    @property
    def final(self) -> FloatArray:
        """Positions at the end, the raw readout, `[copy, oscillator]`."""
        return self.positions[:, -1]
