"""What copies do in a playback: records of them, and the energies at every switch of the drive."""

from __future__ import annotations

import numpy as np

from oscilab.physics import Potential
from oscilab.physics.protocol import Stairs
from oscilab.types import FloatArray, IntArray


class Readings:
    """Collects `copies` of a playback: `positions` `[copy, record, oscillator]`, `work` and `heat`.

    Positions are read at samples `reads` from the protocol's start, ascending, among which are its
    `edges` `[slice + 1]` and `records`.
    """

    def __init__(
        self,
        potential: Potential,
        stairs: Stairs,
        reads: IntArray,
        edges: IntArray,
        records: IntArray,
        copies: int,
    ) -> None:
        self._potential = potential
        self._stairs = stairs
        self._records = np.searchsorted(reads, records)
        self._edges = np.searchsorted(reads, edges)
        self._done = 0
        self._copies = copies
        self.positions = np.empty((copies, len(records), potential.oscillators))
        self.work, self.heat = np.zeros(copies), np.zeros(copies)

    @property
    def missing(self) -> int:
        """Copies that were not played yet."""
        return self._copies - self._done

    def add(self, positions: FloatArray) -> None:
        """`positions` `[copy, reading, oscillator]` of further copies."""
        rows = slice(self._done, self._done + len(positions))
        self.positions[rows] = positions[:, self._records]
        last: FloatArray | None = None
        for number, parameters in enumerate(self._stairs.parameters):
            begin, end = positions[:, self._edges[number]], positions[:, self._edges[number + 1]]
            before = np.asarray(self._potential.energy(parameters, begin), np.float64)
            if last is not None:
                self.work[rows] += before - last
            last = np.asarray(self._potential.energy(parameters, end), np.float64)
            self.heat[rows] += before - last
        self._done += len(positions)
