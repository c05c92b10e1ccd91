"""What a run records: lines and codings, measured batches, and the state to resume from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.readings import ReadingKind
from oscilab.arrays.record import DeviceRecord, LineRecord, Recorded
from oscilab.arrays.seam import OscillatorArray, SavedState
from oscilab.errors import InvalidInput
from oscilab.learning.training import Measured, Training
from oscilab.traces.plan import READING_QUANTITIES, BatchFlag, ChannelScale, Coding
from oscilab.traces.writer import RunWriter
from oscilab.types import Float64Array

Arrays = dict[str, NDArray[np.generic]]
WORD = 64
NOTHING = BatchFlag(0)
CODES = 32767
MARGIN = 1.1
"""Converters read a little beyond their nominal range."""
COARSEST = 1.5
"""The most steps of the finest line that one code may span."""
SENSORS = {"positions": "position", "start": "position", "end": "position", "forces": "force"}
ERRORS = ("gain_error", "offset_error", "residual")


@dataclass(frozen=True, eq=False)
class Recording:
    """Lines, calibration and codings for a run's plan; empty for an array without lines."""

    channels: tuple[ChannelScale, ...] = ()
    calibration: dict[str, NDArray[np.generic]] = field(
        default_factory=dict[str, NDArray[np.generic]]
    )
    codings: dict[str, Coding] = field(default_factory=dict[str, Coding])

    @classmethod
    def of(cls, array: OscillatorArray, reading: ReadingKind) -> Recording:
        """Return the lines of `array`, and codings for readings of that kind."""
        if not isinstance(array, Recorded):
            return cls()
        record = array.record()
        return cls(_channels(record), _calibration(record), codings(record, reading))


def codings(record: DeviceRecord, reading: ReadingKind) -> dict[str, Coding]:
    """Return 16-bit codings of the quantities that lose no significant resolution by them.

    One scale applies to all lines of a quantity, which differ in range and gain. A quantity stays
    float32 if a line does not state its step, or if a code would span more than 1.5 steps of the
    finest line's converter (divided by the square root of the number of samples averaged).
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


def _channels(record: DeviceRecord) -> tuple[ChannelScale, ...]:
    return tuple(
        ChannelScale(line.name, 1 / line.gain, -line.offset / line.gain, target=line.target)
        for line in record.lines
    )


def _calibration(record: DeviceRecord) -> dict[str, NDArray[np.generic]]:
    columns = {name: np.array([getattr(line, name) for line in record.lines]) for name in ERRORS}
    constants = {name: np.array(value) for name, value in record.constants.items()}
    return {**columns, **constants}


@dataclass(eq=False)
class BatchLog:
    """Writes the measured batches of a run: a row for each, and every `every`-th reading.

    `elapsed` is the time that the run took before, in s. `status` is added to the first row only.
    """

    writer: RunWriter
    every: int
    elapsed: float = 0.0
    status: BatchFlag = NOTHING
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = time.monotonic() - self.elapsed

    def seconds(self) -> float:
        """Return the time that the run has taken so far, in s."""
        return time.monotonic() - self._started

    def write(self, step: int, measured: list[Measured]) -> None:
        """Append the batches of one step."""
        first = self.writer.rows
        redrawn = np.array([each.redrawn for each in measured])
        projected = np.array([each.projected for each in measured])
        status = BatchFlag.REDRAWN * (redrawn > 0) + BatchFlag.PROJECTED * (projected > 0)
        status[0] |= self.status
        self.status = NOTHING
        self.writer.append(
            step=step,
            node=np.array([each.node for each in measured]),
            loss=np.array([each.loss for each in measured]),
            gradient_norm=np.array([each.gradient_norm for each in measured]),
            redrawn=redrawn,
            projected=projected,
            elapsed=self.seconds(),
            status=status,
        )
        for row, each in enumerate(measured, first):
            if self.every and row % self.every == 0:
                self.writer.append_reading(row=row, reading=each.reading, targets=each.targets)


def pack(training: Training) -> Arrays:
    """Return the state of optimiser, random generator and, if it can save one, array."""
    packed: Arrays = {f"optimiser_{key}": value for key, value in training.optimiser.state.items()}
    packed["average"] = training.average
    packed["generator"] = _pack_generator(training.sampling.rng)
    if isinstance(training.array, SavedState):
        packed["array"] = np.frombuffer(training.array.save_state(), np.uint8)
    return packed


def unpack(
    training: Training, step: int, parameters: Float64Array, stored: Mapping[str, object]
) -> None:
    """Overwrite the state of `training` with a checkpoint.

    Raises:
        InvalidInput: the checkpoint lacks an entry, or an entry has another shape.
    """
    arrays = {key: np.asarray(value) for key, value in stored.items()}
    targets = {f"optimiser_{key}": value for key, value in training.optimiser.state.items()}
    targets |= {"average": training.average, "parameters": training.parameters}
    for name, value in targets.items():
        found = parameters if name == "parameters" else arrays.get(name)
        if found is None or found.shape != value.shape:
            raise InvalidInput(
                f"the checkpoint's {name} is {'missing' if found is None else found.shape}, but "
                f"must have shape {value.shape}; the run was made by another version"
            )
        value[...] = found
    _unpack_generator(training.sampling.rng, arrays["generator"])
    if isinstance(training.array, SavedState):
        training.array.restore_state(arrays["array"].astype(np.uint8).tobytes())
    training.step = step


def _pack_generator(rng: np.random.Generator) -> NDArray[np.uint64]:
    state = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise InvalidInput(f"generator {state['bit_generator']} cannot be checkpointed; use PCG64")
    mask = (1 << WORD) - 1
    wide = (state["state"]["state"], state["state"]["inc"])
    words = [part for value in wide for part in (value & mask, value >> WORD)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def _unpack_generator(rng: np.random.Generator, words: NDArray[np.generic]) -> None:
    low, high, inc_low, inc_high, has_uint32, uinteger = (int(word) for word in words)
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << WORD | low, "inc": inc_high << WORD | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
