"""Read a run file that is live, torn or finished."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.description import Identity
from oscilab.errors import InvalidInput
from oscilab.physics.potential import Potential
from oscilab.physics.protocol import Protocol
from oscilab.traces import hdf5
from oscilab.traces.clone import clone_image
from oscilab.traces.extent import Extent
from oscilab.traces.layout_array import read_potential, read_schedule
from oscilab.traces.opening import Files, living, open_files
from oscilab.traces.paths import number_of
from oscilab.traces.plan import Kind, Provenance
from oscilab.traces.source import Source
from oscilab.traces.state import current_slot, read_state, source_of_state
from oscilab.types import Float64Array

if TYPE_CHECKING:
    import xarray

Status = Literal["running", "torn", "finished", "interrupted", "failed"]
MARKS = ("step", "batch", "parameters")


class Continuation(NamedTuple):
    """The bytes of an empty segment, and the rows and kept readings that come before it."""

    image: bytes
    rows: int
    readings: int


def open_run(path: str | Path) -> Run:
    """Open the run in a file, which may be live, torn or finished.

    The file is never modified.

    Raises:
        InvalidInput: the file is missing, is not a run, or is truncated.
    """
    return Run(open_files(Path(path)))


class Run:
    """The content of a run at the moment it was opened; a context manager that closes it.

    `path` is the run file. `sources` are its open files and `result` the file of results that are
    not yet joined. `extent` has the number of valid rows. `damage` lists segments that could not
    be read.
    """

    def __init__(self, files: Files) -> None:
        self._take(files)

    def _take(self, files: Files) -> None:
        self._files = files
        self.path = files.path
        self.sources, self.damage, self.result = files.sources, files.damage, files.result
        # Count rows before opening any dataset: one that is opened later is at least as long.
        self.extent = Extent(files.sources)

    def __repr__(self) -> str:
        return f"Run({self.path}, {self.kind}, {self.status}, {self.n_committed} batches)"

    def close(self) -> None:
        """Close the files. Lazy variables can then no longer be loaded."""
        self._files.close()

    def refresh(self) -> None:
        """Open the run as it is now; fast while the writer is alive.

        Lazy variables taken from `tree` before can no longer be loaded.

        Raises:
            InvalidInput: as `open_run`.
        """
        known = living(self.sources)
        # With another handle open, HDF5 would show what that one has cached.
        self.close()
        self._take(open_files(self.path, known=known))
        self.__dict__.pop("tree", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def _head(self) -> Any:
        return self.sources[0].entry

    @property
    def status(self) -> Status:
        """`running`, `torn` (its writer died), or how it was closed."""
        status: Any = self._files.status
        if status != "running":
            return status
        return "running" if self.sources[-1].state == "live" or self._has_changed() else "torn"

    def _has_changed(self) -> bool:
        """Return whether the writer added or joined files since the segments were listed."""
        return self.sources[-1].has_writer and not self._files.are_newest()

    @property
    def last_number(self) -> int:
        """The highest number of a segment, including those that cannot be read."""
        return max(self.sources[-1].number, *(number_of(it.path) for it in self.damage), 0)

    @property
    def kind(self) -> Kind:
        """`train` or `sample`."""
        kind: Any = hdf5.read_text(self._head["kind"])
        return kind

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """The resolved configuration."""
        return json.loads(hdf5.read_text(self._head["configuration"]))

    @cached_property
    def provenance(self) -> Provenance:
        """The origin of the data."""
        group = self._head["provenance"]
        texts = ("bench_hash", "calibration_hash", "faults", "git_commit", "note", "parent")
        return Provenance(
            simulated=bool(group["simulated"][()]),
            identity=Identity(**json.loads(hdf5.read_text(group["identity"]))),
            versions=json.loads(hdf5.read_text(group["versions"])),
            **{name: hdf5.read_text(group[name]) for name in texts},
        )

    @property
    def n_committed(self) -> int:
        """The number of measured batches, without those superseded after a resume."""
        return self.extent.total("training")

    @cached_property
    def tree(self) -> xarray.DataTree:
        """All data, lazily, with units: `run.tree["training"].loss`, `run.tree["readings"]`."""
        from oscilab.traces.tree import build_tree

        extra = {} if self.result is None else {"/result": self.result["entry/result"]}
        return build_tree(self.sources, self.extent, extra)

    @property
    def potential(self) -> Potential:
        """The potential of the array that the run was made on.

        Raises:
            InvalidInput: a term cannot be rebuilt from the stored data.
        """
        return read_potential(self._head)

    def protocol(self) -> Protocol:
        """Return the protocol as trained or as played.

        Raises:
            InvalidInput: no protocol was written yet, or a term of its potential cannot be rebuilt
                from the stored data.
        """
        for source in reversed(self.sources):
            group = source.entry["protocol"]
            if group["written"][()]:
                schedule, noising = read_schedule(self._head)
                potential = read_potential(self._head)
                return Protocol(potential, schedule, group["parameters"][:], noising)
        raise InvalidInput(
            f"run {self.path} is {self.status} and holds no trained protocol yet; its last "
            "parameters are in its checkpoint"
        )

    def checkpoint(self) -> tuple[int, Float64Array, dict[str, NDArray[Any]]]:
        """Return the newest training state: step, parameters `[node, parameter]`, arrays by name.

        Raises:
            InvalidInput: there is none, or its writer replaced it or joined the file while reading.
        """
        source = self._source_of_state()
        if source is None:
            raise InvalidInput(f"run {self.path} holds no checkpoint; train for longer")
        arrays = read_state(source)
        step, _, parameters = (arrays.pop(name) for name in MARKS)
        return int(step), parameters, arrays

    @property
    def has_checkpoint(self) -> bool:
        """Whether the run has a training state to continue from."""
        return self._source_of_state() is not None

    def continuation(self) -> Continuation:
        """Return where a writer continues, and an empty segment for it.

        It continues after the last checkpoint, or from the start if there is none.
        """
        source = self._source_of_state()
        if source is None:
            return Continuation(clone_image(self.sources[0].file), 0, 0)
        row = int(source.entry["checkpoint/batch"][current_slot(source.entry)])
        return Continuation(clone_image(self.sources[0].file), row, self._readings_before(row))

    def _source_of_state(self) -> Source | None:
        return source_of_state(self.sources)

    def _readings_before(self, row: int) -> int:
        found = 0
        for place, source in enumerate(self.sources):
            count = self.extent.rows("readings", place)
            if count:
                batches = source.entry["readings/batch"][:count]
                found += int(np.searchsorted(batches, row))
        return found

    @property
    def figures(self) -> dict[str, float]:
        """Figures of merit by name; empty until they are written."""
        holder = self._head if self.result is None else self.result["entry"]
        if "result" not in holder:
            return {}
        return {name: float(value[()]) for name, value in holder["result/figures"].items()}
