"""A waveform as the records that a device plays: levels held, and samples read before they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oscilab.types import IntArray
from oscilab_firmware.payloads import CODE, Codes

HELD = 0x80000000
"""In `samples`: levels are those of the record before."""
LONGEST = 0x7FFFFFFF
HEAD_WORDS = 4


@dataclass(frozen=True, eq=False)
class Records:
    """Records one after the other; record n begins at byte `offsets[n]` of `data`."""

    data: bytes
    offsets: IntArray

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.offsets) - 1

    def bytes_before(self, record: int) -> int:
        """Bytes of all records before `record`, counted on through repeats."""
        repeat, place = divmod(record, self.count)
        return repeat * len(self.data) + int(self.offsets[place])

    def pieces(self, largest: int) -> Iterator[tuple[int, int, bytes]]:
        """(first record, how many, their bytes) in pieces of at most `largest` bytes.

        A single record that is larger is a piece of its own, for the device to refuse.
        """
        first = 0
        while first < self.count:
            end = self.offsets[first] + largest
            last = int(np.searchsorted(self.offsets, end, side="right")) - 1
            last = max(last, first + 1)
            yield first, last - first, self.data[self.offsets[first] : self.offsets[last]]
            first = last


def records_of(codes: Codes, samples: IntArray, read: IntArray) -> Records:
    """`codes` `[line, step]`, each held for `samples` `[step]`; inputs read in samples `read`.

    A step is cut after each run of samples to be read, and where it is longer than a record can
    be; `read` `[reading]` is ascending.
    """
    lines, steps = codes.shape
    ends = np.cumsum(samples)
    begins = ends - samples
    after = read[np.flatnonzero(np.diff(read, append=-1) != 1)] + 1
    long = np.flatnonzero(samples > LONGEST)
    middles = [np.arange(begins[n] + LONGEST, ends[n], LONGEST) for n in long]
    stops = np.unique(np.concatenate([ends, after, *middles]))
    starts = np.concatenate([[0], stops[:-1]])
    step = np.searchsorted(ends, starts, side="right")
    held = starts != begins[step]
    wanted = np.searchsorted(read, stops) - np.searchsorted(read, starts)
    words = np.where(held, HEAD_WORDS, HEAD_WORDS + lines)
    places = np.concatenate([[0], np.cumsum(words)])
    head = np.empty((len(stops), 2), "<u4")
    head[:, 0] = (stops - starts) | np.where(held, HELD, 0)
    head[:, 1] = wanted
    data = np.empty(int(places[-1]), CODE)
    data[places[:-1, None] + np.arange(HEAD_WORDS)] = head.view(CODE)
    full = places[:-1][~held]
    data[full[:, None] + HEAD_WORDS + np.arange(lines)] = codes.T
    assert len(full) == steps
    return Records(data.tobytes(), 2 * places)
