"""Copy the structure of a run file: every object, without the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oscilab.traces import hdf5
from oscilab.traces.hdf5 import h5py
from oscilab.traces.layout_streams import make_segment
from oscilab.traces.probe import STREAMS

OF_SCALES = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST"}


def clone(
    source: hdf5.Group,
    target: hdf5.Group,
    shape_of: Callable[[Any], tuple[int, ...]] | None = None,
) -> None:
    """Create the objects of `source` in `target`.

    Growing datasets get the shape from `shape_of`, or stay empty. Their values and those of a
    checkpoint are not copied. A plain HDF5 copy would keep the dimension scales' references to the
    old file.
    """
    copy_attributes(source, target)
    links: list[str] = []
    _clone_objects(source, target, shape_of or _empty, links)
    for name in links:
        target.file[name] = target.file[target_of(source.file[name])]
    _attach_scales(source, target)


def target_of(item: Any) -> str:
    """Return the original path of a shared scale, or "" if it is not shared."""
    return hdf5.decoded(item.attrs.get("target", b""))


def _empty(dataset: Any) -> tuple[int, ...]:
    return tuple(
        0 if most is None else length
        for length, most in zip(dataset.shape, dataset.maxshape, strict=True)
    )


def clone_image(file: Any) -> bytes:
    """Return the bytes of a run file with the same structure, without state, status or rows."""
    with h5py.File(
        "layout.h5", "w", driver="core", backing_store=False, libver=hdf5.LIBVER, **hdf5.PAGES
    ) as target:
        clone(file, target)
        entry = target["entry"]
        for name in ("segments", "result"):
            if name in entry:
                del entry[name]
        if "segment" not in entry:
            make_segment(entry)
        _forget(entry)
        target.flush()
        return target.id.get_file_image()


def _forget(entry: hdf5.Group) -> None:
    for name in STREAMS:
        if name in entry:
            entry[name]["n_committed"][()] = 0
    if "checkpoint" in entry:
        entry["checkpoint/current"][()] = -1
    entry["protocol/written"][()] = 0
    hdf5.overwrite_text(entry["status"], "running")
    hdf5.overwrite_text(entry["end_time"], "")


def copy_attributes(source: hdf5.Group, target: hdf5.Group) -> None:
    """Copy all attributes except those that dimension scales manage themselves."""
    for name in source.attrs:
        if name not in OF_SCALES:
            kind = source.attrs.get_id(name).dtype
            target.attrs.create(name, source.attrs[name], dtype=kind)


def _clone_objects(
    source: hdf5.Group,
    target: hdf5.Group,
    shape_of: Callable[[Any], tuple[int, ...]],
    links: list[str],
) -> None:
    for name, item in source.items():
        if hasattr(item, "keys"):
            group = target.create_group(name)
            copy_attributes(item, group)
            _clone_objects(item, group, shape_of, links)
        elif target_of(item) not in ("", item.name):
            links.append(item.name)
        else:
            dataset = _clone_dataset(item, target, name, shape_of)
            copy_attributes(item, dataset)
            if item.is_scale:
                dataset.make_scale(item.attrs["NAME"])


def _clone_dataset(
    source: hdf5.Dataset,
    target: hdf5.Group,
    name: str,
    shape_of: Callable[[Any], tuple[int, ...]],
) -> hdf5.Dataset:
    if None in source.maxshape:
        shape = shape_of(source)
        chunks = tuple(
            max(1, min(chunk, length)) if length else chunk
            for chunk, length in zip(source.chunks, shape, strict=True)
        )
        return target.create_dataset(
            name,
            shape=shape,
            maxshape=source.maxshape,
            chunks=chunks,
            dtype=source.dtype,
            fill_time="never",
        )
    if source.chunks:
        return target.create_dataset(
            name, shape=source.shape, chunks=source.chunks, dtype=source.dtype
        )
    return target.create_dataset(name, data=source[()], dtype=source.dtype)


def _attach_scales(source: hdf5.Group, target: hdf5.Group) -> None:
    def visit(name: str, item: Any) -> None:
        if hasattr(item, "keys") or item.is_scale:
            return
        for axis, dim in enumerate(item.dims):
            if len(dim):
                target[name].dims[axis].attach_scale(target[dim[0].name])

    source.visititems(visit)
