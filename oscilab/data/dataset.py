"""A data set: training samples and held-out samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from oscilab.errors import InvalidInput
from oscilab.types import Float64Array, IntArray

LEAST_SAMPLES = 10
"""The least number of training samples from which a distribution can be learned."""

HELD_OUT_FRACTION = 0.1

LARGEST = 1e100
"""For larger values, sums of squares may overflow."""

Values = Float64Array
Labels = IntArray


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training samples and held-out samples, each of `shape` (rows, columns) laid out row by row.

    `train` and `held_out` are `[sample, feature]`; their labels are `[sample]`, or both None. `low`
    and `high` are the ends of a picture's grey scale. `source` says where the data come from.

    Raises:
        InvalidInput: the values are not finite real numbers, there are too few samples, or shapes
            and labels do not match.
    """

    name: str
    source: str
    train: Values
    held_out: Values
    shape: tuple[int, int]
    train_labels: Labels | None = None
    held_out_labels: Labels | None = None
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        for part, least in (("train", LEAST_SAMPLES), ("held_out", 1)):
            name = f"{part.replace('_', '-')} part of data set {self.name}"
            values = checked_values(getattr(self, part), name)
            if values.shape[1] != self.features:
                raise InvalidInput(
                    f"the {name} has {values.shape[1]} features a sample, not {self.shape[0]} x "
                    f"{self.shape[1]} = {self.features}; give the shape that it has"
                )
            if len(values) < least:
                raise InvalidInput(
                    f"the {name} has {len(values)} samples; {least} or more are needed: give "
                    "more data"
                )
            object.__setattr__(self, part, values)
            self._check_labels(f"{part}_labels", name, len(values))
        if (self.train_labels is None) != (self.held_out_labels is None):
            raise InvalidInput(f"data set {self.name} has labels for one part only; give both")
        if not self.low < self.high:
            raise InvalidInput(
                f"data set {self.name} is shown from {self.low} to {self.high}; the low end must "
                "lie below the high one"
            )

    def _check_labels(self, field: str, name: str, samples: int) -> None:
        given = getattr(self, field)
        if given is not None:
            object.__setattr__(self, field, checked_labels(given, samples, name))

    @property
    def features(self) -> int:
        """The number of values in one sample."""
        return self.shape[0] * self.shape[1]

    @property
    def classes(self) -> tuple[int, ...]:
        """The labels of the training samples, ascending; empty without labels."""
        if self.train_labels is None:
            return ()
        return tuple(int(label) for label in np.unique(self.train_labels))

    def only_label(self, label: int) -> Dataset:
        """Return the samples of one class."""
        return self.only_labels((label,))

    def only_labels(self, labels: Iterable[int]) -> Dataset:
        """Return the samples of some classes, still split into training and held-out samples.

        Raises:
            InvalidInput: the data set has no labels, or no sample of one of these classes.
        """
        wanted = tuple(dict.fromkeys(labels))
        if self.train_labels is None or self.held_out_labels is None:
            raise InvalidInput(
                f"data set {self.name} has no labels, so no class of it can be chosen; omit the "
                "label"
            )
        for label in wanted:
            if label not in self.classes:
                raise InvalidInput(
                    f"data set {self.name} has no label {label}; it has "
                    f"{', '.join(map(str, self.classes))}"
                )
        kept = np.isin(self.train_labels, wanted)
        held = np.isin(self.held_out_labels, wanted)
        return replace(
            self,
            name=f"{self.name} {', '.join(map(str, wanted))}",
            train=self.train[kept],
            held_out=self.held_out[held],
            train_labels=self.train_labels[kept],
            held_out_labels=self.held_out_labels[held],
        )


def split_held_out(
    values: Values, labels: Labels | None, fraction: float = HELD_OUT_FRACTION, seed: int = 0
) -> tuple[Values, Values, Labels | None, Labels | None]:
    """Split off a `fraction` of every class: (train, held out, train labels, held-out labels).

    Which samples of a class are held out depends only on `seed` and that class, not on the other
    classes. A classifier of ten classes and a model of two of them therefore hold out the same
    samples. Both parts keep the order of `values` `[sample, feature]`.

    Raises:
        InvalidInput: the fraction is not between 0 and 1, or a class has fewer than two samples.
    """
    if not 0 < fraction < 1:
        raise InvalidInput(f"the held-out fraction {fraction} must lie between 0 and 1")
    groups = np.zeros(len(values), np.int64) if labels is None else labels
    held = np.zeros(len(values), np.bool_)
    for label in np.unique(groups):
        rows = np.flatnonzero(groups == label)
        if len(rows) < 2:
            raise InvalidInput(
                f"label {label} has a single sample, of which none can be held out; give more"
            )
        count = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        order = np.random.default_rng([seed, int(label)]).permutation(len(rows))
        held[rows[order[:count]]] = True
    if labels is None:
        return values[~held], values[held], None, None
    return values[~held], values[held], labels[~held], labels[held]


def checked_values(values: ArrayLike, name: str) -> Values:
    """Return `values` as finite float64 `[sample, feature]`.

    Raises:
        InvalidInput: the shape is wrong, or a value is not a real number, not finite or too large.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise InvalidInput(f"the {name} holds {array.dtype} values; give real numbers")
    if array.ndim != 2 or array.shape[1] == 0:
        raise InvalidInput(f"the {name} has shape {array.shape}; it must be [sample, feature]")
    array = array.astype(np.float64, copy=False)
    bad = ~np.isfinite(array)
    if bad.any():
        sample, feature = np.argwhere(bad)[0]
        raise InvalidInput(
            f"sample {sample} of the {name} is {array[sample, feature]} in feature {feature}; "
            "every value must be finite"
        )
    if array.size and np.abs(array).max() > LARGEST:
        sample, feature = np.argwhere(np.abs(array) > LARGEST)[0]
        raise InvalidInput(
            f"sample {sample} of the {name} is {array[sample, feature]:g} in feature {feature}, "
            f"beyond the {LARGEST:g} up to which squares can be summed; give the data in other "
            "units"
        )
    return array


def checked_labels(labels: ArrayLike, samples: int, name: str) -> Labels:
    """Return `labels` as whole numbers from zero, one per sample.

    Raises:
        InvalidInput: the number or type of labels is wrong, or a label is negative.
    """
    array = np.asarray(labels)
    if array.shape != (samples,):
        raise InvalidInput(
            f"the labels of the {name} have shape {array.shape}; give one for each of its "
            f"{samples} samples"
        )
    if array.dtype.kind not in "iu":
        raise InvalidInput(f"the labels of the {name} are {array.dtype}; give whole numbers")
    if samples and int(array.min()) < 0:
        first = int(np.flatnonzero(array < 0)[0])
        raise InvalidInput(f"label {first} of the {name} is {array[first]}; labels count from zero")
    return array.astype(np.int64, copy=False)
