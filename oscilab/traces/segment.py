"""One HDF5 file of a run that is being written: SWMR, flushed, counters last."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.readings import Trajectory
from oscilab.errors import InvalidInput
from oscilab.traces import hdf5
from oscilab.traces.columns import Column, Scalar, Table
from oscilab.traces.durable import draft_of, push_to_disk, take_name, write_durably
from oscilab.traces.hdf5 import h5py
from oscilab.traces.layout import utc_text
from oscilab.traces.layout_streams import TRAINING_COLUMNS, state_arrays
from oscilab.traces.liveness import process_start
from oscilab.traces.paths import PART
from oscilab.traces.probe import STREAMS
from oscilab.types import Float64Array

Rows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Start:
    """The start of a segment: its number, the rows and readings before it, and its reason."""

    number: int
    rows: int
    readings: int
    reason: str


class Segment:
    """A part of a run in a separate file.

    Writes do not handle HDF5's errors; `Segments` does.
    """

    def __init__(self, path: Path, image: bytes, start: Start) -> None:
        """Create the file from a layout's bytes; it appears complete or not at all."""
        self.path = path
        self.start = start
        self.opened = time.monotonic()
        draft = draft_of(path)
        try:
            write_durably(draft, describe(image, start))
            self._open(draft, path)
        finally:
            draft.unlink(missing_ok=True)

    def _open(self, draft: Path, path: Path) -> None:
        if os.name == "nt":
            # Windows cannot rename an open file.
            take_name(draft, path)
            self._prepare(path)
            return
        # Rename it only in SWMR mode, because a reader could lock it before.
        self._prepare(draft)
        try:
            take_name(draft, path)
        except OSError:
            self._file.close()
            raise

    def _prepare(self, path: Path) -> None:
        # No chunk cache: every flush would rewrite a partly filled chunk.
        self._file = h5py.File(path, "r+", libver=hdf5.LIBVER, rdcc_nbytes=0)
        self._entry = self._file["entry"]
        self.oscillators = int(self._entry["oscillator"].shape[0])
        self._find_columns()
        self._written: dict[str, int] = {"history": 0, "trajectory": 0}
        self._file.swmr_mode = True

    def _find_columns(self) -> None:
        entry = self._entry
        self._tables = {
            "training": _table(entry, "training", ("batch", *TRAINING_COLUMNS)),
            "readings": _table(entry, "readings", _growing(entry, "readings")),
            "history": _table(entry, "history", _growing(entry, "history")),
        }
        # The logged quantities of a reading, without the batch number.
        self.reading_names = tuple(it for it in self._tables["readings"].columns if it != "batch")
        self._state_shapes = {name: item.shape[1:] for name, item in state_arrays(entry).items()}
        self._counters = {
            name: Scalar(entry[name]["n_committed"]) for name in STREAMS if name in entry
        }

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._file.id.get_filesize()

    def check_reading(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """Return `values` `[shot, oscillator]` as one row for the column of that name.

        Raises:
            InvalidInput: the number of oscillators is wrong, there are more shots than planned, or
                a value is outside the 16-bit coding.
        """
        return self._tables["readings"].columns[name].row_of(name, values)

    def check_state(self, state: Rows) -> None:
        """Check a checkpoint against the plan.

        Raises:
            InvalidInput: an array is missing, not planned, or of the wrong shape.
        """
        planned = self._state_shapes
        missing, unknown = planned.keys() - state.keys(), state.keys() - planned.keys()
        if missing or unknown:
            raise InvalidInput(
                f"the checkpoint of {self.path} was planned with {', '.join(sorted(planned))}; "
                f"missing {sorted(missing)}, not planned {sorted(unknown)}"
            )
        for name, value in state.items():
            if np.shape(value) != planned[name]:
                raise InvalidInput(
                    f"checkpoint array {name} has shape {np.shape(value)}, but was planned as "
                    f"{planned[name]}"
                )

    def append(self, rows: Rows, row: int, readings: Rows, reading: int) -> None:
        """Write rows from the run's `row` on and readings from `reading` on, and commit them."""
        ends: dict[str, int] = {}
        for stream, block, begin in (
            ("readings", readings, reading - self.start.readings),
            ("training", rows, row - self.start.rows),
        ):
            if block:
                ends[stream] = self._tables[stream].write(begin, block)
        self._count(ends)

    def checkpoint(self, state: Rows, history: Rows) -> None:
        """Write the training state into the free slot, then make that the current one."""
        group = self._entry["checkpoint"]
        slot = 1 - max(0, int(group["current"][()]))
        for name, value in state.items():
            group[name][slot] = value
        self._count({"history": self._tables["history"].write(self._written["history"], history)})
        Scalar(group["current"]).write(slot)

    def write_protocol(self, parameters: Float64Array) -> None:
        """Write the protocol as trained."""
        group = self._entry["protocol"]
        group["parameters"][...] = parameters
        h5py.h5f.flush(self._file.id)
        Scalar(group["written"]).write(1)

    def append_trajectory(self, trajectory: Trajectory) -> None:
        """Append playbacks."""
        group, copies = self._entry["trajectory"], self._entry["copy"]
        count, before = len(trajectory.positions), self._written["trajectory"]
        positions, times = group["positions"], group["time"]
        times.resize((len(trajectory.times),))
        times[...] = trajectory.times
        copies.resize((before + count,))
        copies[before:] = np.arange(before, before + count)
        positions.resize((before + count, len(times), positions.shape[2]))
        positions[before:] = trajectory.positions
        for name in ("work", "heat"):
            values = getattr(trajectory, name)
            group[name].resize((before + count,))
            group[name][before:] = np.nan if values is None else values
        self._count({"trajectory": before + count})

    def _count(self, ends: Mapping[str, int]) -> None:
        # The rows must be in the file before their count is.
        h5py.h5f.flush(self._file.id)
        for stream, end in ends.items():
            self._counters[stream].write(end)
        self._written.update(ends)

    def seal(self, status: str | None = None) -> None:
        """Close the file and flush it to the disk, with a `status` if the run ends here.

        A segment beside the run's main file loses its suffix `.part`. If a reader prevents the
        renaming (Windows), it is sealed nevertheless.
        """
        if status is not None:
            hdf5.overwrite_text(self._entry["status"], status)
            hdf5.overwrite_text(self._entry["end_time"], utc_text(time.time()))
        self._file.close()
        push_to_disk(self.path)
        if self.path.suffix == PART:
            with contextlib.suppress(PermissionError):
                self.path = self.path.rename(self.path.with_suffix(""))

    def abandon(self) -> None:
        """Close the file as far as a full or failing disk permits; committed rows were flushed."""
        with contextlib.suppress(OSError, RuntimeError):
            self._file.close()


def describe(image: bytes, start: Start) -> bytes:
    """Return a layout's bytes with the description of the segment and of its writer."""
    buffer = io.BytesIO(image)
    with h5py.File(buffer, "r+", libver=hdf5.LIBVER) as file:
        group = file["entry/segment"]
        group["number"][()] = start.number
        group["first_row"][()] = start.rows
        group["pid"][()] = os.getpid()
        texts = {
            "reason": start.reason,
            "host": platform.node(),
            "process_start": process_start(os.getpid()),
            "start_time": utc_text(time.time()),
        }
        for name, text in texts.items():
            hdf5.overwrite_text(group[name], text)
    return buffer.getvalue()


def _growing(entry: Any, group: str) -> list[str]:
    if group not in entry:
        return []
    return [name for name, item in entry[group].items() if item.maxshape[:1] == (None,)]


def _table(entry: Any, group: str, names: Iterable[str]) -> Table:
    found = {name: Column(entry[group][name]) for name in names} if group in entry else {}
    return Table(found)
