"""Datasets that grow row by row while the file is open in SWMR mode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput
from oscilab.traces.hdf5 import h5py
from oscilab.traces.layout_streams import NO_CODE

MOST_CODE = 32767


class Column:
    """One growing dataset `[row, ...]`, written through HDF5's low-level calls.

    h5py's indexing costs several times more than the write itself when a block is a few rows.
    """

    def __init__(self, dataset: Any) -> None:
        self._id = dataset.id
        self._tail: tuple[int, ...] = dataset.shape[1:]
        self._origin = (0,) * len(self._tail)
        self.dtype: np.dtype[Any] = dataset.dtype
        # HDF5's descriptions of a block are kept: making them costs as much as a small write.
        self._type = h5py.h5t.py_create(self.dtype)
        self._block_shape: tuple[int, ...] = ()
        self._block_space: Any = None
        attributes = dataset.attrs
        self._scale = float(attributes["scale_factor"]) if "scale_factor" in attributes else None
        self._offset = float(attributes["add_offset"]) if self._scale is not None else 0.0

    def write(self, row: int, block: NDArray[Any]) -> None:
        """Make `block` `[row, ...]` the rows from `row` on, the last ones of the dataset.

        Written twice, it leaves what one write would: an interrupted commit is simply repeated.
        """
        shape = (row + len(block), *self._tail)
        self._id.set_extent(shape)
        target = h5py.h5s.create_simple(shape)
        target.select_hyperslab((row, *self._origin), block.shape)
        if block.shape != self._block_shape:
            self._block_shape = block.shape
            self._block_space = h5py.h5s.create_simple(block.shape)
        data = np.ascontiguousarray(block, self.dtype)
        self._id.write(self._block_space, target, data, self._type)

    def row_of(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """`values` `[shot, oscillator]` as a row `[1, shot, oscillator]` in the stored type.

        Fewer shots than the dataset has room for are filled up with NaN.

        Raises:
            InvalidInput: the shape does not fit, or a value lies beyond the 16-bit codes.
        """
        if not self._tail:
            return np.array([values], self.dtype)
        fits = values.ndim == 2 and values.shape[1] == self._tail[1]
        if not fits or len(values) > self._tail[0]:
            raise InvalidInput(
                f"{name} of a reading have shape {values.shape}; the run was planned for up to "
                f"{self._tail}"
            )
        stored = self._stored(values, name)
        missing = self._tail[0] - len(values)
        if missing:
            empty = np.nan if self._scale is None else NO_CODE
            stored = np.concatenate([stored, np.full((missing, self._tail[1]), empty, self.dtype)])
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
    """One number that is overwritten in place and pushed to the file at once."""

    def __init__(self, dataset: Any) -> None:
        self._id = dataset.id
        self._space = h5py.h5s.create(h5py.h5s.SCALAR)
        self._dtype = dataset.dtype
        self._type = h5py.h5t.py_create(self._dtype)

    def write(self, value: int) -> None:
        """Set and flush."""
        self._id.write(self._space, self._space, np.array(value, self._dtype), self._type)
        self._id.flush()
