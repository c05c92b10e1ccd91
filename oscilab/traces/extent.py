"""The valid rows of each segment of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oscilab.traces.probe import STREAMS
from oscilab.traces.source import Source


class Extent:
    """The number of valid rows of each growing group in each segment.

    A segment supersedes earlier ones from its first row on.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self._rows = {
            (group, place): self._count(group, place)
            for group in STREAMS
            for place in range(len(sources))
            if group in sources[place].entry
        }

    def rows(self, group: str, place: int) -> int:
        """Return the number of valid rows of `group` in the segment at `place`."""
        return self._rows.get((group, place), 0)

    def total(self, group: str) -> int:
        """Return the number of valid rows of `group` in the whole run."""
        return sum(self.rows(group, place) for place in range(len(self.sources)))

    def limit(self, place: int) -> int | None:
        """Return the first batch number that a later segment supersedes, if any."""
        later = [source.first_row for source in self.sources[place + 1 :]]
        return min(later, default=None)

    def _count(self, group: str, place: int) -> int:
        source = self.sources[place]
        committed = int(source.entry[group]["n_committed"][()])
        count = min(committed, source.readable.get(group, committed))
        limit = self.limit(place)
        if group == "trajectory":
            return 0 if self._resumed_after(place) else count
        if limit is None or not count:
            return count
        if group == "training":
            return max(0, min(count, limit - source.first_row))
        batches = source.entry[group]["batch"][:count]
        # The later segment started from the checkpoint at the limit, which stays valid.
        side = "right" if group == "history" else "left"
        return int(np.searchsorted(batches, limit, side=side))

    def _resumed_after(self, place: int) -> bool:
        # A resumed run plays its protocol again.
        return any(source.reason == "resumed" for source in self.sources[place + 1 :])
