"""Area averaging: an image on a coarser grid, whose pixels may cut those of the finer one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput
from oscilab.types import Float64Array

BLOCK = 4096
"""Images averaged at a time, so that a large set needs no large copy."""


def area_matrix(fine: int, coarse: int) -> Float64Array:
    """The share of each coarse cell that each fine cell covers, `[coarse, fine]`; rows sum to one.

    Raises:
        InvalidInput: a coarse grid that is empty or finer than the fine one.
    """
    if not 1 <= coarse <= fine:
        raise InvalidInput(f"{fine} pixels cannot be averaged to {coarse}; use 1 to {fine}")
    # In units of 1/coarse of a fine pixel every edge is a whole number: the shares are exact.
    edges = np.arange(coarse + 1) * fine
    starts = np.arange(fine) * coarse
    overlap = np.minimum(edges[1:, np.newaxis], starts + coarse) - np.maximum(
        edges[:-1, np.newaxis], starts
    )
    return np.maximum(overlap, 0) / fine


def area_averaged(images: NDArray[np.generic], rows: int, columns: int) -> Float64Array:
    """`images` `[sample, row, column]` averaged to `[sample, rows, columns]`."""
    down = area_matrix(images.shape[1], rows)
    across = area_matrix(images.shape[2], columns).T
    averaged = np.empty((len(images), rows, columns))
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK].astype(np.float64)
        averaged[start : start + BLOCK] = down @ (block @ across)
    return averaged
