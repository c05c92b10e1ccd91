"""Which rows of which segment count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oscilab.traces.probe import STREAMS
from oscilab.traces.source import Source


class Extent:
    """How many rows of each growing group of each segment count.

    A segment replaces whatever earlier ones have from its first row on.
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
        """The rows of `group` that count in the segment at `place`."""
        return self._rows.get((group, place), 0)

    def total(self, group: str) -> int:
        """The rows of `group` in the whole run."""
        return sum(self.rows(group, place) for place in range(len(self.sources)))

    def limit(self, place: int) -> int | None:
        """The first batch number that a later segment replaces, if any."""
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
        # The checkpoint at the limit is the one that the later segment started from.
        side = "right" if group == "history" else "left"
        return int(np.searchsorted(batches, limit, side=side))

    def _resumed_after(self, place: int) -> bool:
        # A resumed run plays its protocol anew.
        return any(source.reason == "resumed" for source in self.sources[place + 1 :])
