"""Lines as NI's tasks take them: board by board, ports as numbers with a bit a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oscilab.types import Float64Array, FloatArray, IndexArray
from oscilab.wired.channels import Channel


@dataclass(frozen=True, eq=False)
class Group:
    """Lines of one board that one task drives or reads.

    `rows` are their places among the rows of a waveform or of readings; `bits` are the lines'
    places in their port, where they are digital.
    """

    board: str
    digital: bool
    names: tuple[str, ...]
    rows: IndexArray
    bits: NDArray[np.uint32]

    @property
    def where(self) -> slice | IndexArray:
        """The rows; as a slice where they follow each other, which copies nothing."""
        if len(self.rows) and (np.diff(self.rows) == 1).all():
            return slice(int(self.rows[0]), int(self.rows[-1]) + 1)
        return self.rows

    @property
    def listed(self) -> str:
        """The names as NI-DAQmx takes them."""
        return ", ".join(self.names)

    def packed(self, levels: FloatArray) -> NDArray[np.uint32]:
        """The port's numbers `[sample]` of `levels` `[row, sample]` of all rows."""
        numbers = np.zeros(levels.shape[1], np.uint32)
        for row, bit in zip(self.rows, self.bits, strict=True):
            numbers |= (levels[row] > 0.5).astype(np.uint32) << bit
        return numbers

    def unpacked(self, numbers: NDArray[np.uint32]) -> Float64Array:
        """Levels `[line, sample]` from the port's numbers `[sample]`."""
        return ((numbers >> self.bits[:, np.newaxis]) & np.uint32(1)).astype(np.float64)


def grouped(channels: Sequence[Channel]) -> list[Group]:
    """`channels`, the rows of a waveform or of readings, by board and kind."""
    found: dict[tuple[str, bool], list[int]] = {}
    for row, channel in enumerate(channels):
        board = channel.name.partition("/")[0]
        found.setdefault((board, channel.kind == "digital"), []).append(row)
    return [
        Group(
            board,
            digital,
            tuple(channels[row].name for row in rows),
            np.array(rows, np.intp),
            np.array([_bit(channels[row].name) if digital else 0 for row in rows], np.uint32),
        )
        for (board, digital), rows in found.items()
    ]


def _bit(name: str) -> int:
    return int(name.rpartition("line")[2])
