"""The figures of merit of a run, by name: one function for each kind of experiment."""

from __future__ import annotations

import numpy as np

from oscilab.data.dataset import Dataset, checked_values
from oscilab.data.mixture import GaussianMixture
from oscilab.errors import InvalidInput
from oscilab.merit.classifier import ImageClassifier, class_share
from oscilab.merit.gaussian import at_most, fitted_gaussian
from oscilab.merit.memorisation import memorisation
from oscilab.merit.modes import estimate_modes
from oscilab.merit.sliced_wasserstein import sliced_wasserstein
from oscilab.types import Float64Array

SAMPLES = 2000
"""Samples that every figure is taken from: of the array, the baseline and, at most, the data."""

SEED = 0

Values = Float64Array


def data_figures(samples: Values, dataset: Dataset, seed: int = SEED) -> dict[str, float]:
    """Figures that any data set allows, from decoded `samples` `[sample, feature]`.

    `sliced_wasserstein` is the distance to the held-out data, in the data's units;
    `sliced_wasserstein_floor` is that of the training data and `sliced_wasserstein_gaussian` that
    of a Gaussian fitted to them, each from at most `SAMPLES` samples. `nearest_*` are distances
    to the training set (`Memorisation`).

    Raises:
        InvalidInput: samples that are none, not finite, or of another size.
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
    """`data_figures`, and what an independent classifier makes of the images.

    `class_share` is the share of samples taken for a trained class, `class_share_low` and
    `class_share_high` its 95 % Wilson interval, `class_share_data` and `class_share_gaussian` the
    same of the held-out data and of the fitted Gaussian; `class_balance` the rarest trained class
    over the most frequent, `class_K` the share of class K.

    Raises:
        InvalidInput: as `data_figures`; or a data set without labels.
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
    """Every mode's weight, mean and covariance in `samples`, beside `truth` and standard errors.

    Names are `weight_0`, `mean_0_1` (mode, feature), `covariance_0_01` (mode, features); the true
    value of each ends in `_truth`, its standard error in `_error`. `largest_*_difference` are the
    largest differences from the truth of each kind. For a raw readout at t_min, `truth` is the
    mixture noised to t_min.

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
