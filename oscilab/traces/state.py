"""Read the newest training state of a run's file, which its writer may be replacing.

The state has two slots. The writer fills the one that is not current, then makes it the current
one, so a slot may be overwritten while it is read. It is complete if it was current, with the same
step, before and after.
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
    """Return the slot of the newest state, or -1."""
    return int(entry["checkpoint/current"][()]) if "checkpoint" in entry else -1


def source_of_state(sources: Sequence[Source]) -> Source | None:
    """Return the newest file of a run that has a state, if any."""
    holders = (source for source in reversed(sources) if current_slot(source.entry) >= 0)
    return next(holders, None)


def read_state(source: Source) -> State:
    """Return the arrays of the newest state by name; there must be one.

    Raises:
        InvalidInput: the writer joined the file, or replaces the state faster than it can be read.
    """
    return at_its_newest(source, lambda entry: _slot(entry, current_slot(entry)))


def read_marks(entry: Any) -> State:
    """Return the newest slot, and the steps and batches of both, as of one moment."""
    found = _marks(entry)
    for _ in range(READINGS):
        before, found = found, _marks(entry)
        if all(np.array_equal(found[name], before[name]) for name in MARKS):
            break
    return found


def _marks(entry: Any) -> State:
    return {name: np.asarray(entry["checkpoint"][name][()]) for name in MARKS}


def at_its_newest(source: Source, read: Callable[[Any], Found]) -> Found:
    """Return the result of `read` on the entry of `source`, from a single newest state.

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
    """Return `[result]`, or `[]` if the state was replaced while reading."""
    # An open file caches the locations of its chunks, so open it again each time.
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
    """Return slot and step of the newest state, as of one moment.

    Raises:
        OSError: they changed in every attempt.
    """
    for _ in range(READINGS):
        slot = current_slot(entry)
        step = int(entry["checkpoint/step"][slot])
        # If the slot changed in between, the step may be that of an incomplete state.
        if current_slot(entry) == slot:
            return slot, step
    raise OSError("the newest state was another one at every look")


def _slot(entry: Any, slot: int) -> State:
    return {name: np.asarray(array[slot]) for name, array in state_arrays(entry).items()}
