"""What a run file keeps of the lines behind an array, and how it keeps what they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.record import DeviceRecord, LineRecord, Recorded
from oscilab.arrays.seam import OscillatorArray
from oscilab.traces.plan import READING_QUANTITIES, Channel, Coding, ReadingKind

CODES = 32767
MARGIN = 1.1
"""Converters read a little beyond their nominal range."""
COARSEST = 1.5
"""Steps of the finest line that one code may span."""
SENSORS = {"positions": "position", "start": "position", "end": "position", "forces": "force"}
ERRORS = ("gain_error", "offset_error", "residual")


@dataclass(frozen=True, eq=False)
class Recording:
    """Lines, calibration and codings for a run's plan; nothing of it where there are no lines."""

    channels: tuple[Channel, ...] = ()
    calibration: dict[str, NDArray[np.generic]] = field(
        default_factory=dict[str, NDArray[np.generic]]
    )
    codings: dict[str, Coding] = field(default_factory=dict[str, Coding])

    @classmethod
    def of(cls, array: OscillatorArray, reading: ReadingKind) -> Recording:
        """What `array` says of its lines, for readings of that kind."""
        if not isinstance(array, Recorded):
            return cls()
        record = array.record()
        return cls(_channels(record), _calibration(record), codings(record, reading))


def codings(record: DeviceRecord, reading: ReadingKind) -> dict[str, Coding]:
    """16-bit codings of those quantities that lose nothing to speak of by it.

    One scale serves all lines of a quantity, which differ in range and gain. Where a code would
    span more than 1.5 steps of the finest line's converter, or of the finer grid on which an
    average of several samples lies, or where a line does not state its step, the quantity stays
    float32.
    """
    found: dict[str, Coding] = {}
    for name in READING_QUANTITIES[reading]:
        lines = [line for line in record.lines if line.target.startswith(f"{SENSORS.get(name)}[")]
        coding = _coding(lines, record.average)
        if coding is not None:
            found[name] = coding
    return found


def _coding(lines: Sequence[LineRecord], average: int) -> Coding | None:
    if not lines or not all(line.resolution > 0 for line in lines):
        return None
    ends = np.array(
        [[(volts - it.offset) / it.gain for volts in (it.lower, it.upper)] for it in lines]
    )
    low, high = float(ends.min()), float(ends.max())
    finest = min(abs(line.resolution / line.gain) for line in lines) / average**0.5
    scale = MARGIN * (high - low) / 2 / CODES
    return Coding(scale, (low + high) / 2) if scale <= COARSEST * finest else None


def _channels(record: DeviceRecord) -> tuple[Channel, ...]:
    return tuple(
        Channel(line.name, 1 / line.gain, -line.offset / line.gain, target=line.target)
        for line in record.lines
    )


def _calibration(record: DeviceRecord) -> dict[str, NDArray[np.generic]]:
    columns = {name: np.array([getattr(line, name) for line in record.lines]) for name in ERRORS}
    constants = {name: np.array(value) for name, value in record.constants.items()}
    return {**columns, **constants}
