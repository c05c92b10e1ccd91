"""Read the newest training state of a run's file, while its writer replaces it or when it is gone.

The state has two slots. Its writer fills the one that is not current and makes it so, therefore a
slot that is read may be filled anew meanwhile; it is whole if it was current, with the same step,
before and after.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput
from oscilab.traces.layout_streams import state_arrays
from oscilab.traces.paths import name_now
from oscilab.traces.source import Source
from oscilab.traces.view import open_view

READINGS = 5

State = dict[str, NDArray[Any]]


def current_slot(entry: Any) -> int:
    """The slot that holds the newest state, or -1."""
    return int(entry["checkpoint/current"][()]) if "checkpoint" in entry else -1


def read_state(source: Source) -> State:
    """The arrays of the newest state by name; there must be one.

    Raises:
        InvalidInput: the writer joined the file with others, or replaced the state faster than
            it can be read.
    """
    if source.state != "live":
        return _slot(source.entry, current_slot(source.entry))
    for _ in range(READINGS):
        found = _settled(source.path)
        if found is not None:
            return found
    raise InvalidInput(
        f"the checkpoint in {source.path} was replaced in each of {READINGS} attempts to read it; "
        "stop the run, or let it make checkpoints less often"
    )


def _settled(path: Path) -> State | None:
    # What an open file knows of its chunks does not change, so another one is opened each time.
    try:
        with open_view(name_now(path), grows=True) as file:
            before = _mark(file["entry"])
            state = _slot(file["entry"], before[0])
        with open_view(name_now(path), grows=True) as file:
            return state if _mark(file["entry"]) == before else None
    except InvalidInput as error:
        raise InvalidInput(
            f"run file {path} was joined with others while its checkpoint was read; open the run "
            "again"
        ) from error
    except (OSError, RuntimeError, KeyError):
        # In the middle of a write.
        return None


def _mark(entry: Any) -> tuple[int, int]:
    slot = current_slot(entry)
    return slot, int(entry["checkpoint/step"][slot])


def _slot(entry: Any, slot: int) -> State:
    return {name: np.asarray(array[slot]) for name, array in state_arrays(entry).items()}
