"""Write results, whose names and shapes are known only at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput
from oscilab.traces import hdf5
from oscilab.traces.durable import push_folder
from oscilab.traces.sink import new_file

Arrays = Mapping[str, NDArray[Any]]


def write_result_file(
    path: Path, oscillators: int, samples: Arrays, figures: Mapping[str, float], tables: Arrays
) -> None:
    """Write the results to a separate file, which appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    try:
        with new_file(draft) as file:
            hdf5.annotate(file, NX_class="NXroot", default="entry", schema="oscilab-result")
            entry = hdf5.make_group(file, "entry", "NXentry")
            write_result(entry, oscillators, samples, figures, tables)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    push_folder(path.parent)


def write_result(
    entry: hdf5.Group,
    oscillators: int,
    samples: Arrays,
    figures: Mapping[str, float],
    tables: Arrays,
) -> None:
    """Write the group `result`: `samples` `[sample, ...]` per readout, `figures`, `tables`."""
    result = hdf5.make_group(entry, "result", "NXcollection")
    group = hdf5.make_group(result, "figures", "NXcollection")
    for name, value in figures.items():
        hdf5.annotate(group.create_dataset(_checked(name), data=np.float64(value)), units="1")
    for title, arrays, first in (("samples", samples, "sample"), ("tables", tables, "row")):
        group = hdf5.make_group(result, title, "NXcollection")
        scales = _Scales(group, oscillators)
        for name, values in arrays.items():
            array = np.asarray(values)
            hdf5.write_array(
                group, _checked(name), array, scales.dims(array.shape, first), units="1"
            )


class _Scales:
    def __init__(self, group: hdf5.Group, oscillators: int) -> None:
        self.group = group
        self.oscillators = oscillators
        self.made: dict[str, Any] = {}

    def dims(self, shape: tuple[int, ...], first: str) -> list[Any]:
        found: list[Any] = []
        for axis, length in enumerate(shape):
            stem = first if axis == 0 else "site" if length == self.oscillators else "length"
            repeat = shape[:axis].count(length)
            name = f"{stem}_{length}" + (f"_{repeat + 1}" if repeat else "")
            if name not in self.made:
                self.made[name] = hdf5.make_bare_scale(self.group, name, length)
            found.append(self.made[name])
        return found


def _checked(name: str) -> str:
    if not name or "/" in name:
        raise InvalidInput(f"a result is named {name!r}; use a name without a slash")
    return name
