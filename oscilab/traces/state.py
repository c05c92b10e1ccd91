"""Read the newest training state of a run's file, while its writer replaces it or when it is gone.

The state has two slots. Its writer fills the one that is not current and makes it so, therefore a
slot that is read may be filled anew meanwhile; it is whole if it was current, with the same step,
before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput
from oscilab.traces.layout_streams import state_arrays
from oscilab.traces.paths import name_now
from oscilab.traces.source import Source
from oscilab.traces.view import open_view

READINGS = 5
MARKS = ("current", "step", "batch")

Found = TypeVar("Found")
State = dict[str, NDArray[Any]]


def current_slot(entry: Any) -> int:
    """The slot that holds the newest state, or -1."""
    return int(entry["checkpoint/current"][()]) if "checkpoint" in entry else -1


def source_of_state(sources: Sequence[Source]) -> Source | None:
    """The newest file of a run that holds a state, if any does."""
    holders = (source for source in reversed(sources) if current_slot(source.entry) >= 0)
    return next(holders, None)


def read_state(source: Source) -> State:
    """The arrays of the newest state by name; there must be one.

    Raises:
        InvalidInput: the writer joined the file with others, or replaced the state faster than
            it can be read.
    """
    return at_its_newest(source, lambda entry: _slot(entry, current_slot(entry)))


def read_marks(entry: Any) -> State:
    """Which slot is the newest, and the steps and batches of both, as they were at one moment."""
    found = _marks(entry)
    for _ in range(READINGS):
        before, found = found, _marks(entry)
        if all(np.array_equal(found[name], before[name]) for name in MARKS):
            break
    return found


def _marks(entry: Any) -> State:
    return {name: np.asarray(entry["checkpoint"][name][()]) for name in MARKS}


def at_its_newest(source: Source, read: Callable[[Any], Found]) -> Found:
    """What `read` finds in the entry of `source` while one state is the newest.

    Raises:
        InvalidInput: as `read_state`.
    """
    if source.state != "live":
        return read(source.entry)
    for _ in range(READINGS):
        found = _settled(source.path, read)
        if found:
            return found[0]
    raise InvalidInput(
        f"the checkpoint in {source.path} was replaced in each of {READINGS} attempts to read it; "
        "stop the run, or let it make checkpoints less often"
    )


def _settled(path: Path, read: Callable[[Any], Found]) -> list[Found]:
    """What was read, or nothing if the state was replaced meanwhile."""
    # What an open file knows of its chunks does not change, so another one is opened each time.
    try:
        with open_view(name_now(path), grows=True) as file:
            before = mark(file["entry"])
            found = read(file["entry"])
        with open_view(name_now(path), grows=True) as file:
            return [found] if mark(file["entry"]) == before else []
    except InvalidInput as error:
        raise InvalidInput(
            f"run file {path} was joined with others while its checkpoint was read; open the run "
            "again"
        ) from error
    except (OSError, RuntimeError, KeyError):
        # In the middle of a write.
        return []


def mark(entry: Any) -> tuple[int, int]:
    """The newest state's slot and step, as they were at one moment.

    Raises:
        OSError: they change all the time.
    """
    for _ in range(READINGS):
        slot = current_slot(entry)
        step = int(entry["checkpoint/step"][slot])
        # Between the two looks the slot may have been left, and its step be that of a state which
        # is still being written into it.
        if current_slot(entry) == slot:
            return slot, step
    raise OSError("the newest state was another one at every look")


def _slot(entry: Any, slot: int) -> State:
    return {name: np.asarray(array[slot]) for name, array in state_arrays(entry).items()}
