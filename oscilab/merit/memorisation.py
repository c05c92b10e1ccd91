"""Whether samples repeat the training set: their distance to it, beside that of held-out data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.data.dataset import checked_values
from oscilab.errors import InvalidInput
from oscilab.types import Float64Array

BLOCK = 512
"""Samples compared with the whole training set at a time."""

NEAR_QUANTILE = 0.1

Values = Float64Array


@dataclass(frozen=True)
class Memorisation:
    """Nearest-neighbour distances to the training set, Euclidean, in the data's own units.

    `near_share` is the share of samples nearer to the training set than the nearest tenth of
    the held-out data. New draws from the data's distribution give about 0.1, copies give 1,
    samples that are off the data give 0.
    """

    median: float
    smallest: float
    held_out_median: float
    held_out_smallest: float
    near_share: float


def memorisation(samples: Values, train: Values, held_out: Values) -> Memorisation:
    """Distances of `samples` and `held_out` to `train`, each `[sample, feature]`.

    Raises:
        InvalidInput: sets that are empty, not finite, or differ in features.
    """
    distances = nearest_distances(samples, train)
    known = nearest_distances(held_out, train)
    return Memorisation(
        median=float(np.median(distances)),
        smallest=float(distances.min()),
        held_out_median=float(np.median(known)),
        held_out_smallest=float(known.min()),
        near_share=float((distances < np.quantile(known, NEAR_QUANTILE)).mean()),
    )


def nearest_distances(samples: Values, train: Values) -> Float64Array:
    """The distance of each sample to its nearest neighbour in `train`, `[sample]`.

    The neighbour is found by a matrix product and its distance by subtraction, so that a copy is
    at distance zero exactly.
    """
    points = checked_values(samples, "batch of samples")
    known = checked_values(train, "training data")
    if not len(points) or not len(known) or points.shape[1] != known.shape[1]:
        raise InvalidInput(
            f"samples of shape {points.shape} cannot be compared with training data of shape "
            f"{known.shape}; give samples of as many features"
        )
    half_squares = 0.5 * np.einsum("ni,ni->n", known, known)
    distances = np.empty(len(points))
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK]
        nearest = (half_squares - block @ known.T).argmin(axis=1)
        distances[start : start + BLOCK] = np.linalg.norm(block - known[nearest], axis=1)
    return distances
