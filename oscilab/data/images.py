"""Handwritten digits: those of scikit-learn, and MNIST averaged to the array's size."""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.data.dataset import Dataset, split_held_out
from oscilab.errors import CannotDo, InvalidInput
from oscilab.types import Float64Array, IntArray

BLOCK = 4096
"""Images averaged at a time, to avoid a large copy."""


def area_matrix(fine: int, coarse: int) -> Float64Array:
    """Return the share of each coarse cell that each fine cell covers, `[coarse, fine]`.

    Rows sum to one.

    Raises:
        InvalidInput: the coarse grid is empty or finer than the fine one.
    """
    if not 1 <= coarse <= fine:
        raise InvalidInput(f"{fine} pixels cannot be averaged to {coarse}; use 1 to {fine}")
    # In units of 1/coarse of a fine pixel all edges are whole numbers, so the shares are exact.
    edges = np.arange(coarse + 1) * fine
    starts = np.arange(fine) * coarse
    overlap = np.minimum(edges[1:, np.newaxis], starts + coarse) - np.maximum(
        edges[:-1, np.newaxis], starts
    )
    return np.maximum(overlap, 0) / fine


def area_averaged(images: NDArray[np.generic], rows: int, columns: int) -> Float64Array:
    """Return `images` `[sample, row, column]` averaged to `[sample, rows, columns]`."""
    down = area_matrix(images.shape[1], rows)
    across = area_matrix(images.shape[2], columns).T
    averaged = np.empty((len(images), rows, columns))
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK].astype(np.float64)
        averaged[start : start + BLOCK] = down @ (block @ across)
    return averaged


GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 0x08


def read_idx(path: str | Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with that many `dimensions`.

    The content, not the name, decides whether it is decompressed.

    Raises:
        InvalidInput: the file cannot be read, is not an IDX file of bytes, or does not hold as
            many values as its header says.
    """
    path = Path(path)
    content = _unzipped(path)
    header = 4 + 4 * dimensions
    if len(content) < 4 or content[:2] != b"\0\0":
        raise InvalidInput(
            f"{path} is no IDX file: it starts with bytes {content[:4].hex(' ') or '(none)'}, not "
            f"00 00 08 {dimensions:02x}"
        )
    kind, found = content[2], content[3]
    if kind != UNSIGNED_BYTE:
        raise InvalidInput(f"{path} holds IDX type 0x{kind:02x}; only unsigned bytes, 0x08, fit")
    if found != dimensions:
        raise InvalidInput(f"{path} has {found} dimensions where {dimensions} are needed")
    if len(content) < header:
        raise InvalidInput(f"{path} ends within its header, after {len(content)} bytes")
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], ">u4"))
    # Python integers, because the product of four-byte sizes may exceed 64 bits.
    expected, held = math.prod(shape), len(content) - header
    if held != expected:
        raise InvalidInput(
            f"{path} says {' x '.join(map(str, shape))} = {expected} values and holds {held}; "
            "fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_images(images: Path, labels: Path) -> tuple[NDArray[np.uint8], IntArray]:
    """Read images `[sample, row, column]` and their labels `[sample]`.

    Raises:
        InvalidInput: as `read_idx`, or the numbers of images and labels differ.
    """
    pixels, found = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(found):
        raise InvalidInput(
            f"{images} holds {len(pixels)} images but {labels} {len(found)} labels; give files "
            "that belong together"
        )
    return pixels, found.astype(np.int64)


def _unzipped(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except EOFError as error:
        raise InvalidInput(f"{path} is cut short: its gzip stream has no end") from error
    except (OSError, zlib.error) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error


BRIGHTEST = 16.0


def load_digits(labels: Iterable[int] | None = (0, 1), seed: int = 0) -> Dataset:
    """Load scikit-learn's 8x8 digits of some `labels` (None: all ten), pixels in [-1, 1].

    A tenth of every class is held out, the same tenth for any choice of classes.

    Raises:
        InvalidInput: a label is not a digit.
    """
    # Imported here, because scikit-learn takes a second to import.
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
    """Load MNIST digits of some `labels` (None: all ten) at `rows` x `columns`, in [-1, 1].

    `directory` holds the IDX files, gzipped or not. If it has the test pair, that is held out,
    otherwise a tenth of every class. With `download`, missing files are downloaded into `directory`
    (None: the user's cache) and their hashes are checked.

    Raises:
        InvalidInput: files are missing or damaged, or a label is not a digit.
        CannotDo: the download failed.
    """
    if download:
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
    """Return the file of that `name` in `folder`, in either spelling, gzipped or not."""
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


MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# SHA-256 of the four gzipped files as first published; both mirrors have the same files.
HASHES: Mapping[str, str] = {
    f"{name}.gz": digest
    for name, digest in (
        (TRAIN[0], "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (TRAIN[1], "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (TEST[0], "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (TEST[1], "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    )
}


def fetch_mnist(
    directory: str | Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    hashes: Mapping[str, str] = HASHES,
) -> Path:
    """Download the MNIST files that are missing in a folder, and return the folder.

    `directory` defaults to `mnist` in the user's cache. A file that exists in either spelling is
    kept. Each file appears complete or not at all.

    Raises:
        CannotDo: no mirror delivered a file; the message gives the last reason.
        InvalidInput: the folder cannot be written, or a file has the wrong hash.
    """
    folder = Path(directory) if directory is not None else _cache()
    for name, digest in hashes.items():
        if find_idx(folder, name.removesuffix(".gz")) is None:
            _fetch(folder, name, digest, mirrors)
    return folder


def _cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("oscilab", appauthor=False) / "mnist"


def _fetch(folder: Path, name: str, digest: str, mirrors: Sequence[str]) -> None:
    import pooch  # pyright: ignore[reportMissingTypeStubs]
    import requests

    # pooch logs each file to stderr, where the progress bar is.
    pooch.get_logger().setLevel(logging.WARNING)
    untyped: Any = pooch
    reason = "no mirror is named"
    for mirror in mirrors:
        try:
            untyped.retrieve(f"{mirror}{name}", f"sha256:{digest}", fname=name, path=folder)
        except requests.exceptions.RequestException as error:
            reason = f"{mirror} failed with {type(error).__name__}"
        except ValueError as error:
            raise InvalidInput(
                f"{name} from {mirror} has not the published SHA-256 {digest}; nothing was kept"
            ) from error
        except OSError as error:
            raise InvalidInput(f"{folder} cannot take {name}: {error}") from error
        else:
            return
    raise CannotDo(
        f"{name} could not be fetched ({reason}); go online, or name the folder of the MNIST files "
        "with --data DIR"
    )
