"""Present the datasets of several segments as one lazy xarray variable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from oscilab.traces.pieces import Pieces


class Stack(BackendArray):
    """Pieces concatenated along their rows; data are read when indexed."""

    def __init__(self, pieces: Pieces) -> None:
        self.parts = pieces.parts
        self.dtype: np.dtype[Any] = _plain(pieces.like.dtype)
        self.shape = pieces.shape

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self.read
        )

    def read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """Read the part selected by integers and slices."""
        if not self.shape:
            return np.asarray(self.parts[0].dataset[()])
        if not self.parts:
            return np.empty(self.shape, self.dtype)[key]
        rows, rest = key[0], key[1:]
        if isinstance(rows, slice):
            return self._read_rows(*rows.indices(self.shape[0]), rest)
        return self._read_rows(int(rows), int(rows) + 1, 1, rest)[0]

    def _read_rows(self, start: int, stop: int, step: int, rest: tuple[Any, ...]) -> NDArray[Any]:
        found: list[NDArray[Any]] = []
        begin = 0
        for part in self.parts:
            end = begin + part.rows
            # The first selected row that is not before this part.
            low = start + max(0, -(-(begin - start) // step)) * step
            high = min(stop, end)
            if low < high:
                where = slice(low - begin, high - begin, step)
                found.append(np.asarray(part.dataset[(where, *rest)]))
            begin = end
        if len(found) == 1:
            return found[0]
        if found:
            return np.concatenate(found)
        return np.asarray(self.parts[0].dataset[(slice(0, 0), *rest)])


def _plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    # h5py's string types have metadata that xarray would misinterpret.
    return np.dtype(f"S{dtype.itemsize}") if dtype.kind == "S" else dtype
