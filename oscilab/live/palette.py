"""Colour maps that differ for colour-blind readers as well, as tables of red, green and blue.

`SEQUENTIAL` goes from dark blue to yellow with steadily rising lightness, for what has no sign;
`DIVERGING` from blue over a neutral middle to orange, for what has one. A few points each, between
which colours are linear.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oscilab.types import FloatArray

Colours = NDArray[np.uint8]


def _table(points: list[str]) -> Colours:
    ends = np.array([[int(text[k : k + 2], 16) for k in (1, 3, 5)] for text in points], float)
    place = np.linspace(0, len(points) - 1, 256)
    below = np.minimum(place.astype(int), len(points) - 2)
    share = (place - below)[:, np.newaxis]
    return np.rint(ends[below] * (1 - share) + ends[below + 1] * share).astype(np.uint8)


SEQUENTIAL = _table(["#00204c", "#31446b", "#666970", "#958f78", "#cab969", "#ffe945"])
DIVERGING = _table(["#053f7a", "#3a87c0", "#a6cbe3", "#f4f4f1", "#fcc48f", "#e07b1f", "#8a3a00"])
DIVERGING_DARK = _table(
    ["#a8d4ff", "#4a9fe0", "#22577f", "#22252b", "#7f4a12", "#e8872b", "#ffd9a8"]
)
"""The same around a dark middle, for a dark window: strong values shine, weak ones recede."""


def colours(place: FloatArray, table: Colours) -> Colours:
    """Red, green and blue `[..., 3]` of places from 0 to 1; grey where that is no number."""
    known = np.isfinite(place)
    number = np.where(known, np.clip(place, 0.0, 1.0) * 255.0, 0.0).astype(np.intp)
    found = table[number]
    found[~known] = 128
    return found
