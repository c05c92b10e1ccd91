"""Distances from samples to data, and a fitted Gaussian as a baseline."""

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
    """Return the sliced Wasserstein distance of two sets of samples, `[sample, feature]` each.

    This is sqrt(mean over unit directions v of W2^2 between samples . v and reference . v). The
    numbers of samples may differ: in one dimension W2^2 is the integral of the squared difference
    of the two quantile functions, which are step functions, so the integral is an exact sum. The
    directions are the same at every call. The distance between two finite sets from the same
    distribution is not zero, and larger for fewer samples; compare it to the distance of training
    data to the same reference.

    Raises:
        InvalidInput: samples are missing, not finite, or differ in features.
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
    """Return directions drawn uniformly on the sphere, `[count, feature]`."""
    drawn = np.random.default_rng(seed).standard_normal((count, features))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def _merged_quantiles(first: int, second: int) -> tuple[IntArray, IntArray, Values]:
    """Return the pairs of order statistics to compare, and the probability of each pair.

    Levels are whole multiples of 1 / (first * second), so that equal levels compare equal.
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
    """Euclidean nearest-neighbour distances to the training set, in the data's units.

    `near_share` is the share of samples that are closer to the training set than all but the
    nearest tenth of the held-out data. It is about 0.1 for new draws from the data's distribution,
    1 for copies, and 0 for samples far from the data.
    """

    median: float
    smallest: float
    held_out_median: float
    held_out_smallest: float
    near_share: float


def memorisation(samples: Values, train: Values, held_out: Values) -> Memorisation:
    """Return the distances of `samples` and `held_out` to `train`, each `[sample, feature]`.

    Raises:
        InvalidInput: a set is empty or not finite, or the numbers of features differ.
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
    """Return the distance of each sample to its nearest neighbour in `train`, `[sample]`.

    A matrix product finds the neighbour; its distance is computed by subtraction, so that a copy
    is at distance exactly zero.
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
    """Return `count` draws `[sample, feature]` from a Gaussian with `train`'s mean and covariance.

    Draws are not clipped to the range of the data, like an array's samples.
    """
    values = checked_values(train, "training data")
    covariance = np.atleast_2d(np.cov(values, rowvar=False))
    # eigh, because constant pixels make the covariance singular.
    return np.random.default_rng(seed).multivariate_normal(
        values.mean(axis=0), covariance, count, check_valid="ignore", method="eigh"
    )


def at_most(values: Values, count: int, seed: int) -> Values:
    """Return `values` `[sample, feature]`, or a random subset of `count` if there are more."""
    if len(values) <= count:
        return values
    return values[np.random.default_rng(seed).permutation(len(values))[:count]]
