"""Memory that is used again and again."""

from __future__ import annotations

import numpy as np

from oscilab.types import Float64Array

LARGEST_KEPT = 1 << 20
"""Numbers, 8 MB of them."""


class Scratch:
    """Room for one matrix at a time: fresh memory costs more than what is done in it.

    A large array that is let go goes back to the system, and every page of the next one is a page
    fault.
    """

    def __init__(self) -> None:
        self._kept = np.empty(0)

    def shaped(self, rows: int, columns: int) -> Float64Array:
        """A matrix of anything, which overwrites the one given out before."""
        wanted = rows * columns
        if wanted > LARGEST_KEPT:
            return np.empty((rows, columns))
        if wanted > self._kept.size:
            self._kept = np.empty(wanted)
        return self._kept[:wanted].reshape(rows, columns)
