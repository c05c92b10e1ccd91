"""Rows and readings that are not yet in the file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput

Block = dict[str, NDArray[Any]]


class Pending:
    """Data that follow the run's first `row` rows and first `reading` logged readings.

    After a commit it is replaced, not emptied: an interrupt in between causes the same rows to be
    written again to the same place.
    """

    def __init__(self, row: int, reading: int, last_kept: int) -> None:
        self.last_kept = last_kept
        self.row = row
        self.reading = reading
        self.end_row = row
        self._rows: list[Block] = []
        self._readings: list[Block] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self._rows and not self._readings

    def add_rows(self, block: Block) -> None:
        """Number the rows and add them."""
        count = len(block["step"])
        block["batch"] = np.arange(self.end_row, self.end_row + count)
        self.end_row += count
        self._rows.append(block)

    def check_order(self, row: int) -> None:
        """Check that readings belong to a known row and are in order.

        Raises:
            InvalidInput: they do not.
        """
        if not self.last_kept < row < self.end_row:
            raise InvalidInput(
                f"readings of batch {row} come out of order: it must lie after batch "
                f"{self.last_kept}, the last one with readings, and among the {self.end_row} "
                "appended"
            )

    def add_reading(self, block: Block) -> None:
        """Add the readings of one batch."""
        self.last_kept = int(block["batch"][0])
        self._readings.append(block)

    def rows(self) -> Block:
        """Return all rows, by column."""
        return _joined(self._rows)

    def readings(self) -> Block:
        """Return all readings, `[batch, shot, oscillator]` each."""
        return _joined(self._readings)

    def after(self) -> Pending:
        """Return an empty instance that starts where this one ends."""
        return Pending(self.end_row, self.reading + len(self._readings), self.last_kept)


def _joined(blocks: list[Block]) -> Block:
    if len(blocks) < 2:
        return blocks[0] if blocks else {}
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
