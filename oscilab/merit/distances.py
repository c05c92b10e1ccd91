"""Distances from samples to data, and a fitted Gaussian to compare them with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.data.dataset import checked_values
from oscilab.errors import InvalidInput
from oscilab.types import Float64Array, IntArray

PROJECTIONS = 500
PROJECTION_SEED = 20250619
PROJECTIONS_AT_ONCE = 50
"""Projections sorted at a time."""

Values = Float64Array


def sliced_wasserstein(
    samples: Values,
    reference: Values,
    projections: int = PROJECTIONS,
    seed: int = PROJECTION_SEED,
) -> float:
    """sqrt(mean over unit directions v of W2^2 between samples . v and reference . v).

    `samples` and `reference` are `[sample, feature]` and may differ in number: in one dimension
    W2^2 is the integral of the squared difference of the two quantile functions, which are steps,
    so the integral is an exact sum. The directions are the same at every call. The distance
    between two finite sets of one distribution is not zero, and larger for fewer samples; put it
    beside the distance of training data to the same reference.

    Raises:
        InvalidInput: samples that are not finite, differ in features, or are none at all.
    """
    first = checked_values(samples, "batch of samples")
    second = checked_values(reference, "reference samples")
    if first.shape[1] != second.shape[1]:
        raise InvalidInput(
            f"samples have {first.shape[1]} features and the reference {second.shape[1]}; decode "
            "the samples first"
        )
    if not len(first) or not len(second) or projections < 1:
        raise InvalidInput("a sliced distance needs a sample on each side and a projection")
    directions = unit_directions(projections, first.shape[1], seed)
    left, right, weights = _merged_quantiles(len(first), len(second))
    total = 0.0
    for start in range(0, projections, PROJECTIONS_AT_ONCE):
        block = directions[start : start + PROJECTIONS_AT_ONCE].T
        gaps = np.sort(first @ block, axis=0)[left] - np.sort(second @ block, axis=0)[right]
        total += float((weights @ gaps**2).sum())
    return (total / projections) ** 0.5


def unit_directions(count: int, features: int, seed: int) -> Values:
    """Directions uniform on the sphere, `[count, feature]`."""
    drawn = np.random.default_rng(seed).standard_normal((count, features))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def _merged_quantiles(first: int, second: int) -> tuple[IntArray, IntArray, Values]:
    """Which order statistics face each other, and over how much probability.

    Levels are counted in units of 1 / (first * second), so that equal ones are found equal.
    """
    levels = np.union1d(
        np.arange(1, first + 1, dtype=np.int64) * second,
        np.arange(1, second + 1, dtype=np.int64) * first,
    )
    starts = np.concatenate([np.zeros(1, np.int64), levels[:-1]])
    weights = (levels - starts) / (first * second)
    return starts // second, starts // first, weights


BLOCK = 512
"""Samples compared with the whole training set at a time."""

NEAR_QUANTILE = 0.1


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


def fitted_gaussian(train: Values, count: int, seed: int) -> Values:
    """`count` draws `[sample, feature]` from the Gaussian with mean and covariance of `train`.

    Nothing is clipped to the range of the data, as nothing is clipped in an array's samples.
    """
    values = checked_values(train, "training data")
    covariance = np.atleast_2d(np.cov(values, rowvar=False))
    # eigh, because pixels that never change make the covariance singular.
    return np.random.default_rng(seed).multivariate_normal(
        values.mean(axis=0), covariance, count, check_valid="ignore", method="eigh"
    )


def at_most(values: Values, count: int, seed: int) -> Values:
    """`values` `[sample, feature]`, or `count` of them drawn without repetition where more."""
    if len(values) <= count:
        return values
    return values[np.random.default_rng(seed).permutation(len(values))[:count]]
