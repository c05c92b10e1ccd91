"""Weights, means and covariances of a mixture's modes, estimated from samples.

Each sample is shared among the modes by its posterior r_k(x) under the true mixture. Where
samples follow that mixture, E[r_k] = w_k, E[r_k x] / E[r_k] = mu_k and the r_k-weighted second
moment about mu_k is Sigma_k exactly, however much the modes overlap; assigning each sample to its
likeliest mode has a bias that no number of samples removes. It is one step of expectation
maximisation from the truth: for samples that are off, overlapping modes pull the estimate back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.data.dataset import checked_values
from oscilab.data.mixture import GaussianMixture
from oscilab.errors import InvalidInput
from oscilab.types import Float64Array

Values = Float64Array


@dataclass(frozen=True, eq=False)
class ModeEstimates:
    """`weights [mode]`, `means [mode, feature]`, `covariances [mode, feature, feature]`.

    Each comes with its standard error, of the same shape, to first order in 1 / sqrt(samples).
    """

    weights: Values
    weight_errors: Values
    means: Values
    mean_errors: Values
    covariances: Values
    covariance_errors: Values


def estimate_modes(samples: Values, truth: GaussianMixture) -> ModeEstimates:
    """The modes in `samples` `[sample, feature]`, assigned under the posterior of `truth`.

    Second moments are taken about the estimated means and divided by the mode's effective number
    of samples less one.

    Raises:
        InvalidInput: samples of another size or not finite, or too few in a mode.
    """
    points = checked_values(samples, "batch of samples")
    if points.shape[1] != truth.features:
        raise InvalidInput(
            f"samples have {points.shape[1]} features, the mixture {truth.features}; decode them"
        )
    shares = truth.posterior(points)
    totals = shares.sum(axis=0)
    effective = totals**2 / np.maximum((shares**2).sum(axis=0), np.finfo(np.float64).tiny)
    lacking = (totals < 2) | (effective < 2)
    if lacking.any():
        mode = int(np.flatnonzero(lacking)[0])
        raise InvalidInput(
            f"mode {mode} holds {totals[mode]:.2g} of {len(points)} samples, too few for a "
            "covariance; draw more, or train longer"
        )
    normed = shares / totals
    means = normed.T @ points
    offsets = points[:, np.newaxis] - means
    products = np.einsum("nki,nkj->nkij", offsets, offsets)
    raw = np.einsum("nk,nkij->kij", normed, products)
    spread = np.einsum("nk,nkij->kij", normed**2, (products - raw) ** 2)
    unbiased = (effective / (effective - 1))[:, np.newaxis, np.newaxis]
    return ModeEstimates(
        weights=totals / len(points),
        weight_errors=shares.std(axis=0, ddof=1) / len(points) ** 0.5,
        means=means,
        mean_errors=np.sqrt(np.einsum("nk,nki->ki", normed**2, offsets**2)),
        covariances=unbiased * raw,
        covariance_errors=np.sqrt(spread),
    )
