"""An independent classifier, and the share of samples that it assigns to the trained classes.

It is a support vector machine with a radial kernel, which learns ten classes of 12x12 images in
seconds on one core and has no initial weights to choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oscilab.data.dataset import Dataset, checked_values
from oscilab.errors import InvalidInput
from oscilab.types import Float64Array, IntArray

LARGEST_TRAINING_SET = 20_000
"""The most samples to train on; the time grows with their square."""

PENALTY = 10.0
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class ImageClassifier:
    """Distinguishes `classes`; `accuracy` was measured on `tested` held-out samples."""

    name: str
    classes: tuple[int, ...]
    features: int
    accuracy: float
    tested: int
    model: Any

    def classify(self, samples: Float64Array) -> IntArray:
        """Return the class of each of `samples` `[sample, feature]`.

        Raises:
            InvalidInput: the samples have another size, or are not finite.
        """
        values = checked_values(samples, "batch of samples to classify")
        if values.shape[1] != self.features:
            raise InvalidInput(
                f"samples have {values.shape[1]} features, the classifier of {self.name} "
                f"{self.features}; train one for this size"
            )
        if not len(values):
            return np.zeros(0, np.int64)
        return np.asarray(self.model.predict(values), np.int64)


def train_classifier(dataset: Dataset, limit: int = LARGEST_TRAINING_SET) -> ImageClassifier:
    """Train a classifier of all classes of `dataset` on its training part.

    At most `limit` samples are used, a fixed selection of them. Pass the data set of all ten
    digits: its held-out part then includes that of any data set of fewer classes.

    Raises:
        InvalidInput: there are fewer than two classes.
    """
    if dataset.train_labels is None or dataset.held_out_labels is None or len(dataset.classes) < 2:
        raise InvalidInput(
            f"data set {dataset.name} has {len(dataset.classes)} classes; a classifier needs two "
            "or more, with labels"
        )
    from sklearn import svm  # pyright: ignore[reportMissingTypeStubs]

    untyped: Any = svm
    model: Any = untyped.SVC(C=PENALTY, kernel="rbf", gamma="scale")
    chosen = np.random.default_rng(0).permutation(len(dataset.train))[:limit]
    model.fit(dataset.train[chosen], dataset.train_labels[chosen])
    right = np.asarray(model.predict(dataset.held_out)) == dataset.held_out_labels
    return ImageClassifier(
        name=dataset.name,
        classes=dataset.classes,
        features=dataset.features,
        accuracy=float(right.mean()),
        tested=len(dataset.held_out),
        model=model,
    )


@dataclass(frozen=True)
class ClassShare:
    """The number of samples, `counts` of `total`, assigned to each of the trained `classes`."""

    classes: tuple[int, ...]
    counts: tuple[int, ...]
    total: int

    @property
    def share(self) -> float:
        """The share of samples assigned to any trained class."""
        return sum(self.counts) / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of `share`."""
        return wilson_interval(sum(self.counts), self.total)

    @property
    def balance(self) -> float:
        """The count of the rarest class over that of the most frequent: 1 is even, 0 lacks one."""
        most = max(self.counts)
        return min(self.counts) / most if most else 0.0


def class_share(
    classifier: ImageClassifier, samples: Float64Array, classes: Sequence[int]
) -> ClassShare:
    """Count the `samples` `[sample, feature]` that the classifier assigns to each of `classes`.

    Raises:
        InvalidInput: there are no samples, or the classifier does not know a class.
    """
    for label in classes:
        if label not in classifier.classes:
            raise InvalidInput(
                f"the classifier of {classifier.name} knows no class {label}; it knows "
                f"{', '.join(map(str, classifier.classes))}"
            )
    found = classifier.classify(samples)
    if not len(found) or not classes:
        raise InvalidInput("a class share needs a sample and a class")
    counts = tuple(int((found == label).sum()) for label in classes)
    return ClassShare(tuple(classes), counts, len(found))


def wilson_interval(successes: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a proportion."""
    from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

    untyped: Any = stats
    interval = untyped.binomtest(successes, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)
