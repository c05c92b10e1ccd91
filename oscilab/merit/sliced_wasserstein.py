"""How far two sets of samples lie apart, as a sliced 2-Wasserstein distance."""

from __future__ import annotations

import numpy as np

from oscilab.data.dataset import checked_values
from oscilab.errors import InvalidInput
from oscilab.types import Float64Array, IntArray

PROJECTIONS = 500
PROJECTION_SEED = 20250619
BLOCK = 50
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
    for start in range(0, projections, BLOCK):
        block = directions[start : start + BLOCK].T
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
