"""Figures of merit by name: for any data, for images and for mixtures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.data.dataset import Dataset, checked_values
from oscilab.data.mixture import GaussianMixture
from oscilab.errors import InvalidInput
from oscilab.merit.classifier import ImageClassifier, class_share
from oscilab.merit.distances import at_most, fitted_gaussian, memorisation, sliced_wasserstein
from oscilab.types import Float64Array

Values = Float64Array


@dataclass(frozen=True, eq=False)
class ModeEstimates:
    """`weights [mode]`, `means [mode, feature]`, `covariances [mode, feature, feature]`.

    Each has a standard error of the same shape, to first order in 1 / sqrt(samples).
    """

    weights: Values
    weight_errors: Values
    means: Values
    mean_errors: Values
    covariances: Values
    covariance_errors: Values


def estimate_modes(samples: Values, truth: GaussianMixture) -> ModeEstimates:
    """Estimate the modes in `samples` `[sample, feature]`, assigned by the posterior of `truth`.

    Second moments are about the estimated means, divided by the mode's effective number of samples
    minus one.

    Raises:
        InvalidInput: the samples have another size or are not finite, or a mode has too few.
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


SAMPLES = 2000
"""Samples for every figure: of the array, of the baseline and, at most, of the data."""

SEED = 0


def data_figures(samples: Values, dataset: Dataset, seed: int = SEED) -> dict[str, float]:
    """Return the figures that apply to any data set, from decoded `samples` `[sample, feature]`.

    `sliced_wasserstein` is the distance to the held-out data in the data's units.
    `sliced_wasserstein_floor` is that of the training data and `sliced_wasserstein_gaussian` that
    of a Gaussian fitted to the training data, each from at most `SAMPLES` samples. `nearest_*` are
    distances to the training set (`Memorisation`).

    Raises:
        InvalidInput: the samples are empty, not finite, or of another size.
    """
    chosen = _chosen(samples, dataset.features, seed)
    floor = at_most(dataset.train, SAMPLES, seed)
    baseline = fitted_gaussian(dataset.train, SAMPLES, seed)
    near = memorisation(chosen, dataset.train, dataset.held_out)
    return {
        "sliced_wasserstein": sliced_wasserstein(chosen, dataset.held_out),
        "sliced_wasserstein_floor": sliced_wasserstein(floor, dataset.held_out),
        "sliced_wasserstein_gaussian": sliced_wasserstein(baseline, dataset.held_out),
        "nearest_distance": near.median,
        "nearest_distance_held_out": near.held_out_median,
        "nearest_smallest": near.smallest,
        "nearest_smallest_held_out": near.held_out_smallest,
        "nearest_share": near.near_share,
        "samples": float(len(chosen)),
    }


def image_figures(
    samples: Values, dataset: Dataset, classifier: ImageClassifier, seed: int = SEED
) -> dict[str, float]:
    """Return `data_figures` and the results of an independent classifier.

    `class_share` is the share of samples assigned to a trained class, `class_share_low` and
    `class_share_high` its 95 % Wilson interval. `class_share_data` and `class_share_gaussian` are
    the same for the held-out data and the fitted Gaussian. `class_balance` is the count of the
    rarest trained class over that of the most frequent, `class_K` the share of class K.

    Raises:
        InvalidInput: as `data_figures`, or the data set has no labels.
    """
    if not dataset.classes:
        raise InvalidInput(f"data set {dataset.name} has no labels, so no class share")
    chosen = _chosen(samples, dataset.features, seed)
    found = class_share(classifier, chosen, dataset.classes)
    data = class_share(classifier, dataset.held_out, dataset.classes)
    baseline = fitted_gaussian(dataset.train, SAMPLES, seed)
    low, high = found.interval
    figures = data_figures(chosen, dataset, seed) | {
        "class_share": found.share,
        "class_share_low": low,
        "class_share_high": high,
        "class_share_data": data.share,
        "class_share_gaussian": class_share(classifier, baseline, dataset.classes).share,
        "class_balance": found.balance,
        "class_balance_data": data.balance,
        "classifier_accuracy": classifier.accuracy,
    }
    for label, count in zip(found.classes, found.counts, strict=True):
        figures[f"class_{label}"] = count / found.total
    return figures


def mixture_figures(samples: Values, truth: GaussianMixture) -> dict[str, float]:
    """Return every mode's weight, mean and covariance in `samples`, with truth and errors.

    Names are `weight_0`, `mean_0_1` (mode, feature), `covariance_0_01` (mode, features). The true
    value of each ends in `_truth`, its standard error in `_error`. `largest_*_difference` are the
    largest differences from the truth of each kind. For a raw readout at t_min, pass the mixture
    noised to t_min as `truth`.

    Raises:
        InvalidInput: as `estimate_modes`.
    """
    found = estimate_modes(samples, truth)
    figures = {"samples": float(len(samples))}
    kinds = (
        ("weight", found.weights, truth.weights, found.weight_errors),
        ("mean", found.means, truth.means, found.mean_errors),
        ("covariance", found.covariances, truth.covariances, found.covariance_errors),
    )
    for kind, values, expected, errors in kinds:
        figures[f"largest_{kind}_difference"] = float(np.abs(values - expected).max())
        for index in np.ndindex(values.shape):
            mode, *features = index
            if features != sorted(features):
                continue
            name = "_".join([kind, str(mode), "".join(map(str, features))]).rstrip("_")
            figures[name] = float(values[index])
            figures[f"{name}_truth"] = float(expected[index])
            figures[f"{name}_error"] = float(errors[index])
    return figures


def _chosen(samples: Values, features: int, seed: int) -> Values:
    values = checked_values(samples, "batch of samples")
    if not len(values) or values.shape[1] != features:
        raise InvalidInput(
            f"samples of shape {values.shape} have no figures of merit against data of {features} "
            "features; decode them first"
        )
    return at_most(values, SAMPLES, seed)
