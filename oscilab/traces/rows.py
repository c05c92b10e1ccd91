"""Check measured batches and convert them to the types of a run file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oscilab.arrays.readings import ForceReading, PositionReading
from oscilab.errors import InvalidInput
from oscilab.traces.layout_streams import TRAINING_COLUMNS
from oscilab.traces.segment import Segment
from oscilab.types import FloatArray

TYPES = {name: np.dtype(kind) for name, (kind, _, _) in TRAINING_COLUMNS.items()}


def training_block(given: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Return columns `[row]`, and `utc`, from arrays of one length or numbers for all rows.

    Raises:
        InvalidInput: the arrays differ in length.
    """
    arrays = {name: np.asarray(values) for name, values in given.items()}
    count = max(array.size for array in arrays.values())
    block: dict[str, NDArray[Any]] = {"utc": np.full(count, time.time())}
    for name, array in arrays.items():
        if array.size not in (1, count):
            raise InvalidInput(
                f"the columns of a batch differ in length: {name} has {array.size}, another "
                f"{count}; give arrays of one length, or single numbers"
            )
        # Convert here, because HDF5 converts more slowly.
        block[name] = column = np.empty(count, TYPES[name])
        column[:] = array
    return block


def reading_block(
    segment: Segment,
    row: int,
    reading: ForceReading | PositionReading,
    targets: FloatArray | None,
) -> dict[str, NDArray[Any]]:
    """Return the quantities that `segment` logs of the reading of batch `row`, one row each.

    Raises:
        InvalidInput: the segment logs no readings or another kind, or the shape does not fit.
    """
    names = segment.reading_names
    if not names:
        raise InvalidInput(f"run {segment.path} was planned to keep no readings (log_every is 0)")
    kept: dict[str, NDArray[Any]] = {"batch": np.array([row])}
    for name in names:
        values = targets if name == "targets" else getattr(reading, name, None)
        if values is None:
            raise InvalidInput(
                f"run {segment.path} keeps {', '.join(names)}; a {type(reading).__name__} has no "
                f"{name}: plan the other kind of reading"
            )
        kept[name] = segment.check_reading(name, np.asarray(values))
    return kept
