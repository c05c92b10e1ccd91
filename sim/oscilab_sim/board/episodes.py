"""Stretches of a waveform in which the oscillators are free.

A clamp forgets the past, so stretches that each begin at a clamp are independent of each other;
those with one and the same drive can be simulated as copies side by side, which is what makes a
board with one array as quick as a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.types import BoolArray, FloatArray
from oscilab.wired.waveform import Waveform


@dataclass(frozen=True)
class Episode:
    """Steps `start` to `stop` of a waveform, all of them free."""

    start: int
    stop: int

    def span(self, waveform: Waveform) -> tuple[int, int]:
        """Its first sample, and the one past its last."""
        begin = waveform.ends[self.start] - waveform.samples[self.start]
        return int(begin), int(waveform.ends[self.stop - 1])


def episodes_of(waveform: Waveform, clamped: BoolArray, theta: FloatArray) -> list[list[Episode]]:
    """All episodes, those of equal drive and length together, in the order of their last.

    `theta` is `[parameter, step]`, or `[parameter, 1]` where the drive stays.
    """
    if clamped.all():
        return []
    edges = np.diff(np.concatenate([[1], clamped, [1]]).astype(np.int8))
    groups: dict[tuple[bytes, bytes, bool], list[Episode]] = {}
    for start, stop in zip(np.flatnonzero(edges < 0), np.flatnonzero(edges > 0), strict=True):
        drive = theta if theta.shape[1] == 1 else theta[:, start:stop]
        key = (waveform.samples[start:stop].tobytes(), drive.tobytes(), bool(start == 0))
        groups.setdefault(key, []).append(Episode(int(start), int(stop)))
    return sorted(groups.values(), key=lambda group: group[-1].stop)
