"""The handwritten digits that scikit-learn carries, 8x8."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from oscilab.data.dataset import Dataset, split_held_out

BRIGHTEST = 16.0


def load_digits(labels: Iterable[int] | None = (0, 1), seed: int = 0) -> Dataset:
    """The bundled 8x8 digits of some `labels` (None: all ten), pixels in [-1, 1].

    A tenth of every class is held out, the same tenth whichever classes are chosen.

    Raises:
        InvalidInput: a label that is no digit.
    """
    # Imported here: scikit-learn takes a second that `oscilab --help` should not pay.
    from sklearn import datasets  # pyright: ignore[reportMissingTypeStubs]

    untyped: Any = datasets
    bundle = untyped.load_digits()
    values = np.asarray(bundle.data, np.float64) * (2 / BRIGHTEST) - 1
    digits = np.asarray(bundle.target, np.int64)
    train, held_out, train_labels, held_out_labels = split_held_out(values, digits, seed=seed)
    every = Dataset(
        name="digits",
        source="scikit-learn load_digits (UCI optical recognition of handwritten digits, 8x8)",
        train=train,
        held_out=held_out,
        shape=(8, 8),
        train_labels=train_labels,
        held_out_labels=held_out_labels,
    )
    return every if labels is None else every.only_labels(labels)
