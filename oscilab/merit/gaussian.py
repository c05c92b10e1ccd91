"""The baseline: one Gaussian fitted to the training data."""

from __future__ import annotations

import numpy as np

from oscilab.data.dataset import checked_values
from oscilab.types import Float64Array

Values = Float64Array


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
