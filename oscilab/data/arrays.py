"""Load the user's own data from a NumPy file."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.data.dataset import Dataset, checked_labels, checked_values, split_held_out
from oscilab.errors import InvalidInput


def load_array(path: str | Path, seed: int = 0) -> Dataset:
    """Load data `[sample, oscillator]` or `[sample, row, column]` from a `.npy` or `.npz` file.

    An `.npz` file holds the data as `data` (or as its only array) and may hold `labels` `[sample]`.
    A tenth of every class is held out. Pictures span the smallest to the largest value.

    Raises:
        InvalidInput: the file cannot be read, or does not hold finite real numbers of that shape.
    """
    path = Path(path)
    data, labels = _read(path)
    if data.ndim in (2, 3) and 0 in data.shape:
        raise InvalidInput(
            f"the data in {path} have shape {data.shape}, which holds no number; save samples in it"
        )
    if data.ndim not in (2, 3):
        raise InvalidInput(
            f"the data in {path} have shape {data.shape}; they must be [sample, oscillator] or "
            "[sample, row, column]: reshape them"
        )
    shape = (data.shape[1], data.shape[2]) if data.ndim == 3 else near_square(data.shape[1])
    name = f"data in {path}"
    values = checked_values(data.reshape(len(data), -1), name)
    if labels is not None:
        labels = checked_labels(labels, len(values), name)
    if len(values) < 2:
        raise InvalidInput(f"{path} holds a single sample; give more, so that some are held out")
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise InvalidInput(
            f"all values in {path} are {low:g}; there is nothing to learn: give data that vary"
        )
    train, held_out, train_labels, held_out_labels = split_held_out(values, labels, seed=seed)
    return Dataset(
        name=path.stem,
        source=path.name,
        train=train,
        held_out=held_out,
        shape=shape,
        train_labels=train_labels,
        held_out_labels=held_out_labels,
        low=low,
        high=high,
    )


def near_square(count: int) -> tuple[int, int]:
    """Return (rows, columns) with product `count`, rows <= columns, as square as possible."""
    rows = next(rows for rows in range(math.isqrt(count), 0, -1) if count % rows == 0)
    return rows, count // rows


def _read(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if path.suffix not in (".npy", ".npz"):
        raise InvalidInput(f"{path} is neither a .npy nor a .npz file; save the data as one")
    try:
        with path.open("rb") as file:
            # allow_pickle=False, because loading a pickle can run code.
            loaded: Any = np.load(file, allow_pickle=False)
            if not isinstance(loaded, np.lib.npyio.NpzFile):
                return loaded, None
            return _from_archive(path, {name: loaded[name] for name in loaded.files})
    except FileNotFoundError as error:
        raise InvalidInput(
            f"{path} cannot be read: there is no such file; check its path"
        ) from error
    except EOFError as error:
        raise InvalidInput(f"{path} cannot be read: it is empty; save the data again") from error
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror or error}; check that it may be"
        ) from error
    except (ValueError, zipfile.BadZipFile) as error:
        raise InvalidInput(
            f"{path} cannot be read as plain NumPy arrays: {error}; save an array of numbers with "
            "numpy.save"
        ) from error


def _from_archive(
    path: Path, arrays: dict[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    labels = arrays.pop("labels", None)
    if "data" in arrays:
        return arrays["data"], labels
    if len(arrays) != 1:
        raise InvalidInput(
            f"{path} holds {', '.join(arrays) or 'no array'}; name the array of samples 'data'"
        )
    return next(iter(arrays.values())), labels
