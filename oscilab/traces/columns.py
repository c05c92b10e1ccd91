"""Datasets that grow row by row while the file is open in SWMR mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput
from oscilab.traces.hdf5 import h5py
from oscilab.traces.layout_streams import NO_CODE

MOST_CODE = 32767


class Place:
    """HDF5 dataspaces for rows of one shape, which cost as much to make as a small write.

    They are made once and moved at every commit. `extent` is the dataset's new shape, `block` the
    dataspace of the rows in memory, `target` that in the file.
    """

    def __init__(self, tail: tuple[int, ...]) -> None:
        self._tail = tail
        self._origin = (0,) * len(tail)
        self._count = 1
        self.extent = (1, *tail)
        self.block = h5py.h5s.create_simple(self.extent)
        self.target = h5py.h5s.create_simple(self.extent)

    def move(self, row: int, count: int) -> None:
        """Move to `count` rows from `row` on, which become the last rows."""
        shape = (count, *self._tail)
        if count != self._count:
            self._count = count
            self.block.set_extent_simple(shape)
        self.extent = (row + count, *self._tail)
        self.target.set_extent_simple(self.extent)
        self.target.select_hyperslab((row, *self._origin), shape)


class Table:
    """The growing datasets of one group, which all have the same rows."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = columns
        self._places = {column.tail: Place(column.tail) for column in columns.values()}

    def write(self, row: int, rows: Mapping[str, NDArray[Any]]) -> int:
        """Write `rows`, arrays `[row, ...]` by name, as the last from `row` on; return the end.

        Writing them again has no further effect, so that an interrupted commit can be repeated.
        """
        count = len(rows["batch"])
        for place in self._places.values():
            place.move(row, count)
        for name, block in rows.items():
            column = self.columns[name]
            column.write(self._places[column.tail], block)
        return row + count


class Column:
    """One growing dataset `[row, ...]`, written through HDF5's low-level calls.

    h5py's indexing costs several times more than the write itself when a block is a few rows.
    """

    def __init__(self, dataset: Any) -> None:
        self.tail: tuple[int, ...] = dataset.shape[1:]
        self.dtype: np.dtype[Any] = dataset.dtype
        self._id = dataset.id
        self._type = h5py.h5t.py_create(self.dtype)
        attributes = dataset.attrs
        self._scale = float(attributes["scale_factor"]) if "scale_factor" in attributes else None
        self._offset = float(attributes["add_offset"]) if self._scale is not None else 0.0

    def write(self, place: Place, block: NDArray[Any]) -> None:
        """Write `block` `[row, ...]` as the last rows of the dataset, at `place`."""
        self._id.set_extent(place.extent)
        # HDF5 converts slowly, with an additional buffer. Data of the stored type and layout are
        # passed to the system unchanged.
        data = np.ascontiguousarray(block, self.dtype)
        self._id.write(place.block, place.target, data, self._type)

    def row_of(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """Return `values` `[shot, oscillator]` as a row `[1, shot, oscillator]` in the stored type.

        Fewer shots than the dataset has room for are padded with NaN.

        Raises:
            InvalidInput: the shape does not fit, or a value is outside the 16-bit coding.
        """
        if not self.tail:
            return np.array([values], self.dtype)
        fits = values.ndim == 2 and values.shape[1] == self.tail[1]
        if not fits or len(values) > self.tail[0]:
            raise InvalidInput(
                f"{name} of a reading have shape {values.shape}; the run was planned for up to "
                f"{self.tail}"
            )
        stored = self._stored(values, name)
        missing = self.tail[0] - len(values)
        if missing:
            empty = np.nan if self._scale is None else NO_CODE
            stored = np.concatenate([stored, np.full((missing, self.tail[1]), empty, self.dtype)])
        return stored[np.newaxis]

    def _stored(self, values: NDArray[Any], name: str) -> NDArray[Any]:
        if self._scale is None:
            return values.astype(self.dtype, copy=False)
        codes = np.rint((values - self._offset) / self._scale)
        beyond = np.abs(codes) > MOST_CODE
        if beyond.any():
            reach = MOST_CODE * self._scale
            raise InvalidInput(
                f"{name} hold {values[beyond][0]:g}, beyond the {self._offset - reach:g} to "
                f"{self._offset + reach:g} of their 16-bit coding; plan a wider scale"
            )
        return np.where(np.isnan(codes), float(NO_CODE), codes).astype(self.dtype)


class Scalar:
    """One number that is overwritten in place and flushed at once."""

    def __init__(self, dataset: Any) -> None:
        self._id = dataset.id
        self._space = h5py.h5s.create(h5py.h5s.SCALAR)
        self._value = np.zeros((), dataset.dtype)
        self._type = h5py.h5t.py_create(dataset.dtype)

    def write(self, value: int) -> None:
        """Set and flush."""
        self._value[()] = value
        self._id.write(self._space, self._space, self._value, self._type)
        self._id.flush()
