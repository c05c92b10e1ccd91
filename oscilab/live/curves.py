"""Curves over a whole run in bounded memory: means over bins that grow with the run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oscilab.types import Float64Array, FloatArray, IntArray

BINS = 1024
Values = Float64Array


class Curves:
    """Means of quantities over training steps, a curve for each node of the protocol.

    There are at most `BINS` bins of `stride` steps; where a step lies beyond, the stride doubles.
    """

    def __init__(self, quantities: tuple[str, ...], nodes: int, steps: int = 0) -> None:
        self.quantities = quantities
        self.nodes = nodes
        self.stride = 1
        while steps > BINS * self.stride:
            self.stride *= 2
        self._sums = np.zeros((len(quantities), BINS, nodes))
        self._counts = np.zeros((BINS, nodes), np.int64)

    def add(self, step: IntArray, node: IntArray, *values: Values) -> None:
        """Rows of measured batches, `[row]` each; what is not finite is left out."""
        table = np.array(values)
        good = np.isfinite(table).all(axis=0) & (step >= 0) & (node >= 0) & (node < self.nodes)
        if not good.any():
            return
        step, node, table = step[good], node[good], table[:, good]
        while int(step.max()) >= BINS * self.stride:
            self._halve()
        place = (step // self.stride, node)
        np.add.at(self._counts, place, 1)
        for sums, column in zip(self._sums, table, strict=True):
            np.add.at(sums, place, column)

    def steps(self) -> Values:
        """The middle of each bin that holds anything, `[bin]`."""
        filled = np.flatnonzero(self._counts.any(axis=1))
        middle = filled.astype(np.float64) + 0.5
        return middle * self.stride + 0.5

    def table(self, quantity: str) -> Values:
        """`[bin, node]` for these bins, NaN where a node has no value."""
        filled = self._counts.any(axis=1)
        sums, counts = self._sums[self.quantities.index(quantity)][filled], self._counts[filled]
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def mean(self, quantity: str) -> Values:
        """The mean over all nodes that have a value, `[bin]`."""
        filled = self._counts.any(axis=1)
        sums, counts = self._sums[self.quantities.index(quantity)][filled], self._counts[filled]
        per_node = sums / np.maximum(counts, 1)
        return per_node.sum(axis=1) / np.maximum((counts > 0).sum(axis=1), 1)

    def _halve(self) -> None:
        half = BINS // 2
        for table in (*self._sums, self._counts):
            table[:half] = table[0::2] + table[1::2]
            table[half:] = 0
        self.stride *= 2


class Traces:
    """The last readings of every channel, `LENGTH` of them, oldest overwritten first."""

    LENGTH = 1024

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._ring = np.full((self.LENGTH, channels), np.nan, np.float32)
        self.count = 0

    def add(self, rows: FloatArray) -> None:
        """`[reading, channel]`."""
        rows = rows[-self.LENGTH :]
        places = (self.count + np.arange(len(rows))) % self.LENGTH
        self._ring[places] = rows
        self.count += len(rows)

    def recent(self) -> NDArray[np.float32]:
        """`[reading, channel]`, the newest last."""
        if self.count < self.LENGTH:
            return self._ring[: self.count]
        return np.roll(self._ring, -(self.count % self.LENGTH), axis=0)
