"""Export runs to other formats."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.traces.durable import drafted
from oscilab.traces.merge import write_joined
from oscilab.traces.run import Run

BLOCK = 64 << 20
"""Bytes in memory at a time."""
ZARR = 2
"""Fixed-length texts have no specification in format 3 yet."""


def export(run: Run, kind: str, out: Path) -> Path:
    """Write a run to `out` as `netcdf`, `csv` or `zarr`; the last one needs the package zarr.

    Raises:
        InvalidInput: the kind is unknown, `out` exists or cannot be written, or zarr is missing.
    """
    if kind not in EXPORTS:
        raise InvalidInput(f"unknown format {kind!r}; the formats are {', '.join(EXPORTS)}")
    if out.exists():
        raise InvalidInput(f"{out} exists; remove it or give another name")
    with drafted(out) as draft:
        EXPORTS[kind](run, draft)
    return out


def to_netcdf(run: Run, out: Path) -> None:
    """Write one netCDF-4 file, joining the run's segments."""
    write_joined(run, out)


def to_zarr(run: Run, out: Path) -> None:
    """Write a Zarr store of the same groups, in blocks of rows."""
    try:
        import zarr  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InvalidInput("Zarr needs the package zarr: pip install zarr") from error
    del zarr
    for node in run.tree.subtree:
        dataset: Any = node.to_dataset(inherit=False)
        growing = _growing_dim(dataset)
        rows = dataset.sizes[growing] if growing else 0
        step = max(1, int(BLOCK * rows / max(1, dataset.nbytes))) if rows else 0
        group = node.path.strip("/") or None
        first = dataset.isel({growing: slice(0, step)}) if rows > step > 0 else dataset
        first.to_zarr(out, group=group, mode="a", consolidated=False, zarr_format=ZARR)
        for start in range(step, rows, step) if rows > step > 0 else ():
            block = dataset.isel({growing: slice(start, start + step)})
            moving = [name for name, it in block.variables.items() if growing in it.dims]
            fixed = [name for name in block.variables if name not in moving]
            block.drop_vars(fixed).to_zarr(out, group=group, append_dim=growing, consolidated=False)


def _growing_dim(dataset: Any) -> str | None:
    return next((name for name in ("batch", "copy", "checkpoint") if name in dataset.dims), None)


def to_csv(run: Run, out: Path) -> None:
    """Write a folder of tables: training, protocol, energetics, figures, samples; no readings."""
    out.mkdir()
    tree: Any = run.tree
    if "training" in tree:
        _write_columns(out / "training.csv", tree["training"], "batch")
    if "trajectory" in tree and len(tree["trajectory"]["work"]):
        _write_columns(out / "energetics.csv", tree["trajectory"], "copy")
    _write_protocol(out / "protocol.csv", tree)
    if run.figures:
        _write(out / "figures.csv", ["figure", "value"], run.figures.items())
    for name, values in tree["result/samples"].data_vars.items() if "result" in tree else ():
        table = values.values.reshape(len(values), -1)
        columns = [f"x{number}" for number in range(table.shape[1])]
        _write(out / f"samples_{name}.csv", columns, table.tolist())


def _write_columns(path: Path, group: Any, dim: str) -> None:
    names = [dim, *(name for name, it in group.data_vars.items() if it.dims == (dim,))]
    columns = [np.asarray(group[name].values) for name in names]
    texts = [each.astype(str) if each.dtype.kind == "M" else each for each in columns]
    _write(path, names, zip(*(each.tolist() for each in texts), strict=True))


def _write_protocol(path: Path, tree: Any) -> None:
    group = tree["protocol"]
    if not int(group["written"]):
        return
    names = ["noising_time", *tree["array"]["parameter_name"].values.tolist()]
    times, values = group["noising_time"].values, group["parameters"].values
    _write(path, names, np.column_stack([times, values]).tolist())


def _write(path: Path, names: list[Any], rows: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


EXPORTS: Mapping[str, Callable[[Run, Path], None]] = {
    "netcdf": to_netcdf,
    "zarr": to_zarr,
    "csv": to_csv,
}
SUFFIXES: Mapping[str, str] = {"netcdf": ".nc", "zarr": ".zarr", "csv": ".csv"}
"""The suffixes of exports; the CSV export is a folder."""
