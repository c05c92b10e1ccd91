"""Write the valid data of a run, from all its files, to one ordinary file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.traces import hdf5
from oscilab.traces.clone import clone
from oscilab.traces.extent import Extent
from oscilab.traces.layout_streams import state_arrays
from oscilab.traces.pieces import pieces_of
from oscilab.traces.probe import STREAMS
from oscilab.traces.run import Run
from oscilab.traces.sink import new_file
from oscilab.traces.source import Source
from oscilab.traces.state import State, read_state, source_of_state
from oscilab.traces.trouble import short

SEGMENT_NUMBERS = ("segment", "first_row", "rows")
SEGMENT_TEXTS = ("reason", "host", "start_time")


def write_joined(run: Run, target: Path, status: str | None = None) -> None:
    """Write the valid data of a run to one ordinary file, in the oldest format that can hold them.

    All objects come before the bulk of the data, so that a truncated file remains readable.

    Raises:
        OSError: the file cannot be written.
        InvalidInput: the run cannot be read.
    """
    try:
        _write_joined(run, target, status)
    except (OSError, RuntimeError, KeyError) as error:
        # Errors with a number come from writing; those without are HDF5's, from reading.
        if isinstance(error, OSError) and error.errno:
            raise
        raise InvalidInput(f"run {run.path} cannot be read: {short(error)}") from error


def _write_joined(run: Run, target: Path, status: str | None) -> None:
    sources, extent = run.sources, run.extent
    with new_file(target) as file:
        clone(sources[0].file, file, lambda item: pieces_of(item, sources, extent).shape)
        entry = file["entry"]
        for name in ("status", "end_time"):
            hdf5.overwrite_text(entry[name], hdf5.read_text(sources[-1].entry[name]))
        hdf5.overwrite_text(entry["status"], status or run.status)
        _list_segments(entry, sources, extent)
        if run.result is not None:
            clone(run.result["entry/result"], entry.create_group("result"))
        _fill(entry, sources, extent)


def _fill(entry: Any, sources: Sequence[Source], extent: Extent) -> None:
    bulk: list[Any] = []
    protocol: list[Any] = []
    holder = source_of_state(sources)
    state = read_state(holder) if holder is not None and holder.state == "live" else None

    def visit(name: str, target: Any) -> None:
        if hasattr(target, "keys") or name.startswith(("result/", "segments/")):
            return
        if name.startswith("readings/") and target.maxshape[:1] == (None,):
            bulk.append(target)
        elif name.startswith("protocol/"):
            protocol.append(target)
        elif not name.startswith("checkpoint/"):
            if target.chunks:
                _fill_dataset(target, sources, extent)
        elif state is None:
            _fill_dataset(target, sources, extent)

    entry.visititems(visit)
    # Copy `written` first: the data that it refers to were written before it.
    for target in sorted(protocol, key=lambda it: bool(it.shape)):
        _fill_dataset(target, sources, extent)
    if state is not None:
        _fill_state(entry, state)
    for stream in STREAMS:
        if stream in entry:
            entry[stream]["n_committed"][()] = extent.total(stream)
    # Each segment counts copies from zero.
    entry["copy"][...] = np.arange(len(entry["copy"]))
    _fill_together(bulk, sources, extent)


def _fill_state(entry: Any, state: State) -> None:
    """Write a state that was read from a live file; the other slot stays empty."""
    for name, target in state_arrays(entry).items():
        target[0] = state[name]
    for name in ("step", "batch"):
        entry["checkpoint"][name][1] = -1
    entry["checkpoint/current"][()] = 0


def _fill_dataset(target: Any, sources: Sequence[Source], extent: Extent) -> None:
    row = 0
    for part in pieces_of(sources[0].file[target.name], sources, extent).parts:
        _copy_rows(part.dataset, slice(0, part.rows), target, row)
        row += part.rows


def _fill_together(targets: Sequence[Any], sources: Sequence[Source], extent: Extent) -> None:
    """Copy datasets of the same rows in parallel, so that truncation loses the last rows only."""
    parts = [pieces_of(sources[0].file[it.name], sources, extent).parts for it in targets]
    row = 0
    for together in zip(*parts, strict=True):
        rows = together[0].rows
        step = min(part.dataset.chunks[0] for part in together)
        for start in range(0, rows, step):
            block = slice(start, min(start + step, rows))
            for part, target in zip(together, targets, strict=True):
                _copy_rows(part.dataset, block, target, row + start)
        row += rows


def _copy_rows(source: Any, rows: slice, target: Any, begin: int) -> None:
    """Copy whole chunks at a time, which without filters is as fast as a raw copy."""
    if not source.shape:
        target[()] = source[()]
        return
    step = source.chunks[0] if source.chunks else max(1, rows.stop)
    for start in range(rows.start, rows.stop, step):
        stop = min(start + step, rows.stop)
        place = begin + start - rows.start
        target[place : place + stop - start] = source[start:stop]


def _list_segments(entry: Any, sources: Sequence[Source], extent: Extent) -> None:
    """Replace the description of the segment by a table of all joined segments."""
    table: dict[str, list[Any]] = {name: [] for name in (*SEGMENT_NUMBERS, *SEGMENT_TEXTS)}
    for place, source in enumerate(sources):
        for name, values in _described(source, extent.rows("training", place)).items():
            table[name] += values
    for name in ("segment", "segments"):
        if name in entry:
            del entry[name]
    group = hdf5.make_group(entry, "segments", "NXcollection")
    scale = hdf5.make_scale(group, "segment", np.array(table["segment"], np.int32), units="1")
    for name in SEGMENT_NUMBERS[1:]:
        hdf5.write_array(group, name, np.array(table[name], np.int64), [scale], units="1")
    for name in SEGMENT_TEXTS:
        hdf5.write_texts(group, name, table[name], [scale])


def _described(source: Source, rows: int) -> dict[str, list[Any]]:
    """Return the table's rows for one file, which may itself be joined."""
    if "segments" in source.entry:
        known = source.entry["segments"]
        numbers = {name: known[name][:].tolist() for name in SEGMENT_NUMBERS}
        texts = {name: [hdf5.decoded(it) for it in known[name][:]] for name in SEGMENT_TEXTS}
        return {**numbers, **texts}
    known = source.entry["segment"]
    numbers = {"segment": [source.number], "first_row": [source.first_row], "rows": [rows]}
    return {**numbers, **{name: [hdf5.read_text(known[name])] for name in SEGMENT_TEXTS}}
