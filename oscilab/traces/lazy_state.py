"""Lazy variables for the training state of a live run, which its writer keeps replacing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from oscilab.errors import InvalidInput
from oscilab.traces.source import Source
from oscilab.traces.state import MARKS, at_its_newest, mark, read_marks


class LiveState:
    """The newest state in a file that is being written, identified by its marks."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._marks = read_marks(source.entry)

    def data(self, item: Any) -> Any:
        """Return the value of a mark, or a lazy array for any other dataset of `checkpoint`."""
        name = item.name.removeprefix("/entry/checkpoint/")
        if name in MARKS:
            return self._marks[name]
        slot = int(self._marks["current"])
        held = (slot, int(self._marks["step"][slot]))
        return indexing.LazilyIndexedArray(StateArray(self._source, item, held))


class StateArray(BackendArray):
    """One array `[slot, ...]` of a state, readable while that state is the newest."""

    def __init__(self, source: Source, item: Any, held: tuple[int, int]) -> None:
        self._source = source
        self._name = item.name
        self._held = held
        self.dtype: np.dtype[Any] = item.dtype
        self.shape: tuple[int, ...] = item.shape

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self.read
        )

    def read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """Read the part selected by integers and slices.

        Raises:
            InvalidInput: the writer has replaced the state.
        """

        def read(entry: Any) -> NDArray[Any] | None:
            return np.asarray(entry.file[self._name][key]) if mark(entry) == self._held else None

        found = at_its_newest(self._source, read)
        if found is None:
            raise InvalidInput(
                f"the checkpoint of step {self._held[1]} in {self._source.path} was replaced by a "
                "newer one; refresh the run, or ask it for its checkpoint()"
            )
        return found
