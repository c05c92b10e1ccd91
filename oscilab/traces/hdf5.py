"""HDF5 helpers that keep a file readable as both netCDF-4 and NeXus."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import h5py as _h5py  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
from numpy.typing import ArrayLike, NDArray

SCHEMA = "oscilab-run"
SCHEMA_VERSION = 1
LIBVER = ("v110", "v110")
"""SWMR needs this format, and every HDF5 since 1.10 reads it."""
PAGES: Mapping[str, Any] = {"fs_strategy": "page", "fs_page_size": 4096}
"""The layout of a growing file: pages of the system's size, whose boundaries no object header
crosses. A kill can split a write at such a boundary only."""
TARGET_CHUNK = 1_500_000
OWN_CHUNK = 400_000
"""Bytes of a row above which it gets its own chunk, so that batches are stored in sequence."""
MOST_ROWS = 8192
SCALE_ONLY = "This is a netCDF dimension but not a netCDF variable.%10d"

# h5py has no type stubs; all modules of this package import it from here.
h5py: Any = _h5py
Group = Any
Dataset = Any


def fixed(text: str) -> tuple[bytes, Any]:
    """Return `text` as fixed-length UTF-8 and its HDF5 type; SWMR forbids variable length."""
    encoded = text.encode("utf-8")
    return encoded, h5py.string_dtype("utf-8", max(1, len(encoded)))


def annotate(target: Group, /, **attributes: object) -> None:
    """Set attributes, with strings of fixed length."""
    for name, value in attributes.items():
        if isinstance(value, str):
            data, kind = fixed(value)
            target.attrs.create(name, data, dtype=kind)
        elif isinstance(value, list):
            texts = [text.encode("utf-8") for text in cast("list[str]", value)]
            kind = h5py.string_dtype("utf-8", max(1, *map(len, texts)))
            target.attrs.create(name, np.array(texts, kind), dtype=kind)
        else:
            target.attrs.create(name, value)


def make_group(parent: Group, name: str, nexus: str, **attributes: object) -> Group:
    """Create a group of NeXus class `nexus`."""
    group = parent.create_group(name)
    annotate(group, NX_class=nexus, **attributes)
    return group


def write_text(group: Group, name: str, text: str, room: int = 0, **attributes: object) -> Dataset:
    """Write a scalar string, with `room` bytes if it will be overwritten."""
    data, kind = fixed(text.ljust(room, "\0") if room else text)
    dataset = group.create_dataset(name, data=data, dtype=kind)
    annotate(dataset, **attributes)
    return dataset


def write_json(group: Group, name: str, value: object) -> Dataset:
    """Write a value as a scalar string of JSON."""
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False)
    return write_text(group, name, text, format="JSON")


def decoded(value: bytes | str) -> str:
    """Return a fixed-length string as text. h5py decodes attributes, but not datasets."""
    return value if isinstance(value, str) else bytes(value).rstrip(b"\0").decode("utf-8")


def decoded_list(values: Any) -> list[str]:
    """Return a vector of fixed-length strings as texts."""
    return [decoded(each) for each in values]


def read_text(dataset: Dataset) -> str:
    """Read a string written by `write_text`."""
    return decoded(dataset[()])


def overwrite_text(dataset: Any, text: str) -> None:
    """Overwrite a fixed-length string, truncating the text to its length."""
    room = dataset.dtype.itemsize
    encoded = text.encode("utf-8")[:room].decode("utf-8", "ignore").encode("utf-8")
    dataset[()] = np.array(encoded, dataset.dtype)


def write_texts(group: Group, name: str, texts: Sequence[str], dims: Sequence[Dataset]) -> Dataset:
    """Write a vector of fixed-length strings."""
    encoded = [text.encode("utf-8") for text in texts]
    kind = h5py.string_dtype("utf-8", max([1, *map(len, encoded)]))
    dataset = group.create_dataset(name, data=np.array(encoded, kind), dtype=kind)
    attach(dataset, dims)
    return dataset


def write_array(
    group: Group, name: str, data: ArrayLike, dims: Sequence[Dataset], **attributes: object
) -> Dataset:
    """Write an array of fixed shape with its dimension scales."""
    dataset = group.create_dataset(name, data=np.asarray(data))
    attach(dataset, dims)
    annotate(dataset, **attributes)
    return dataset


def make_scale(group: Group, name: str, values: ArrayLike, **attributes: object) -> Dataset:
    """Create a dimension with coordinates."""
    dataset = group.create_dataset(name, data=np.asarray(values))
    dataset.make_scale(name)
    annotate(dataset, **attributes)
    return dataset


def share(group: Group, *scales: Dataset) -> None:
    """Link scales of the entry into a group that has them as axes, as NeXus requires."""
    for scale in scales:
        group[scale.name.rsplit("/", 1)[-1]] = scale
        if "target" not in scale.attrs:
            annotate(scale, target=scale.name)


def make_bare_scale(group: Group, name: str, length: int) -> Dataset:
    """Create a dimension without coordinates, marked as in netCDF."""
    dataset = group.create_dataset(name, data=np.zeros(length, np.int8))
    dataset.make_scale(SCALE_ONLY % length)
    return dataset


def make_growing(
    group: Group,
    name: str,
    tail: tuple[int, ...],
    dtype: Any,
    dims: Sequence[Dataset],
    **attributes: object,
) -> Dataset:
    """Create a dataset `[0, *tail]` that grows along its first axis."""
    dataset = group.create_dataset(
        name,
        shape=(0, *tail),
        maxshape=(None, *tail),
        chunks=chunk_of(tail, np.dtype(dtype).itemsize),
        dtype=dtype,
        # Rows are written whole; filling a chunk first would write it twice.
        fill_time="never",
    )
    attach(dataset, dims)
    annotate(dataset, **attributes)
    return dataset


def make_growing_scale(group: Group, name: str, dtype: Any, **attributes: object) -> Dataset:
    """Create a growing dimension with coordinates."""
    dataset = make_growing(group, name, (), dtype, (), **attributes)
    dataset.make_scale(name)
    return dataset


def chunk_of(tail: tuple[int, ...], itemsize: int, target: int = TARGET_CHUNK) -> tuple[int, ...]:
    """Return a chunk shape `(rows, *tail)` of 0.4 to 1.5 MB, with whole rows if they fit."""
    chunk: list[int] = []
    size = itemsize
    for length in reversed(tail):
        take = max(1, min(length, target // size))
        chunk.append(take)
        size *= take
    rows = 1 if size >= OWN_CHUNK else min(MOST_ROWS, target // size)
    return (rows, *reversed(chunk))


def attach(dataset: Dataset, dims: Sequence[Dataset]) -> None:
    """Attach dimension scales to the axes of `dataset`."""
    for axis, scale in zip(dataset.dims, dims, strict=False):
        axis.attach_scale(scale)


def as_state(value: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a checkpoint array as stored: booleans as bytes, since netCDF has no booleans."""
    return value.astype(np.uint8) if value.dtype == bool else value
