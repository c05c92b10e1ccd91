"""MNIST from its IDX files, averaged to the size of the array."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oscilab.data.area import area_averaged
from oscilab.data.dataset import Dataset, split_held_out
from oscilab.data.idx import read_images
from oscilab.errors import InvalidInput
from oscilab.types import Float64Array

TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def load_mnist(
    directory: str | Path | None,
    rows: int = 12,
    columns: int = 12,
    labels: Iterable[int] | None = (0, 1),
    *,
    download: bool = False,
    seed: int = 0,
) -> Dataset:
    """MNIST digits of some `labels` (None: all ten) at `rows` x `columns`, pixels in [-1, 1].

    `directory` holds the IDX files, gzipped or not. The test pair is the held-out part where it
    is there; else a tenth of every class is held out. With `download`, files that are missing are
    fetched into `directory` (None: the user's cache) and their hashes checked; without, nothing
    is ever fetched.

    Raises:
        InvalidInput: files that are missing or damaged, or a label that is no digit.
        CannotDo: the download did not succeed.
    """
    if download:
        from oscilab.data.download import fetch_mnist

        directory = fetch_mnist(directory)
    if directory is None:
        raise InvalidInput(
            "mnist needs its IDX files; name their folder with --data DIR, or say --download"
        )
    folder = Path(directory)
    images, digits = read_images(*_pair(folder, TRAIN))
    source = f"MNIST, IDX files in {folder.name}, averaged from 28x28"
    if _is_there(folder, TEST):
        test_images, test_digits = read_images(*_pair(folder, TEST))
        parts = (
            _pixels(images, rows, columns),
            _pixels(test_images, rows, columns),
            digits,
            test_digits,
        )
        source += "; test pair held out"
    else:
        parts = split_held_out(_pixels(images, rows, columns), digits, seed=seed)
        source += "; a tenth of the training pair held out"
    train, held_out, train_labels, held_out_labels = parts
    every = Dataset(
        name=f"mnist {rows}x{columns}",
        source=source,
        train=train,
        held_out=held_out,
        shape=(rows, columns),
        train_labels=train_labels,
        held_out_labels=held_out_labels,
    )
    return every if labels is None else every.only_labels(labels)


def find_idx(folder: Path, name: str) -> Path | None:
    """The file of that `name` in `folder`, under either spelling, gzipped or not."""
    dotted = name.replace("-idx", ".idx")
    candidates = (name, f"{name}.gz", dotted, f"{dotted}.gz")
    return next((folder / each for each in candidates if (folder / each).is_file()), None)


def _is_there(folder: Path, names: tuple[str, str]) -> bool:
    return any(find_idx(folder, name) is not None for name in names)


def _pair(folder: Path, names: tuple[str, str]) -> tuple[Path, Path]:
    images, labels = (find_idx(folder, name) for name in names)
    if images is not None and labels is not None:
        return images, labels
    missing = names[0] if images is None else names[1]
    raise InvalidInput(
        f"{folder} has no {missing}, gzipped or not; name the folder of the MNIST files with "
        "--data DIR, or say --download"
    )


def _pixels(images: NDArray[np.uint8], rows: int, columns: int) -> Float64Array:
    averaged = area_averaged(images, rows, columns).reshape(len(images), rows * columns)
    return averaged * (2 / 255) - 1
