"""Read a run file: live, torn or finished."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from types import TracebackType
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
    """The run in a file, whether it is being written, was torn off or is finished.

    The file is never modified.

    Raises:
        InvalidInput: the file is missing, is no run, or is cut short.
    """
    return Run(open_files(Path(path)))


class Run:
    """What a run file says at the moment it is opened; a context manager that closes it.

    `path` is the run's name, `extent` says which rows count, `damage` lists segments that could
    not be read; `sources` are the open files, `result` the one that holds the results of a run not
    yet joined.
    """

    def __init__(self, files: Files) -> None:
        self._take(files)

    def _take(self, files: Files) -> None:
        self._files = files
        self.path = files.path
        self.sources, self.damage, self.result = files.sources, files.damage, files.result
        # Counted before any dataset is opened: what is opened later is at least as long.
        self.extent = Extent(files.sources)

    def __repr__(self) -> str:
        return f"Run({self.path}, {self.kind}, {self.status}, {self.n_committed} batches)"

    def close(self) -> None:
        """Close its files; what was read lazily cannot be loaded any more."""
        self._files.close()

    def refresh(self) -> None:
        """See what was written since; quick while the writer lives.

        Lazy variables taken from `tree` before can then no longer be loaded.

        Raises:
            InvalidInput: as `open_run`.
        """
        known = living(self.sources)
        # Beside an open handle HDF5 would show what that one has cached.
        self.close()
        self._take(open_files(self.path, known=known))
        self.__dict__.pop("tree", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        return "running" if self.sources[-1].state == "live" or self._went_on() else "torn"

    def _went_on(self) -> bool:
        """Whether more was written, or all of it joined, since the segments were listed."""
        return self.sources[-1].has_writer and not self._files.are_newest()

    @property
    def last_number(self) -> int:
        """The highest number of its segments, those that cannot be read included."""
        return max(self.sources[-1].number, *(number_of(it.path) for it in self.damage), 0)

    @property
    def kind(self) -> Kind:
        """`train` or `sample`."""
        kind: Any = hdf5.read_text(self._head["kind"])
        return kind

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """The configuration as it was resolved."""
        return json.loads(hdf5.read_text(self._head["configuration"]))

    @cached_property
    def provenance(self) -> Provenance:
        """Where the data come from."""
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
        """How many measured batches are in the run, those replaced after a resume not counted."""
        return self.extent.total("training")

    @cached_property
    def tree(self) -> xarray.DataTree:
        """Everything, lazily, with units: `run.tree["training"].loss`, `run.tree["readings"]`."""
        from oscilab.traces.tree import build_tree

        extra = {} if self.result is None else {"/result": self.result["entry/result"]}
        return build_tree(self.sources, self.extent, extra)

    @property
    def potential(self) -> Potential:
        """The potential of the array that the run was made on.

        Raises:
            InvalidInput: a term cannot be rebuilt from what is stored of it.
        """
        return read_potential(self._head)

    def protocol(self) -> Protocol:
        """The protocol as trained or as played.

        Raises:
            InvalidInput: none was written yet, or a term of its potential cannot be rebuilt from
                what is stored of it.
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
        """The newest training state: step, parameters `[node, parameter]`, arrays by name.

        Raises:
            InvalidInput: there is none, or its writer replaced it or joined the file meanwhile.
        """
        source = self._source_of_state()
        if source is None:
            raise InvalidInput(f"run {self.path} holds no checkpoint; train for longer")
        arrays = read_state(source)
        step, _, parameters = (arrays.pop(name) for name in MARKS)
        return int(step), parameters, arrays

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a training state to continue from."""
        return self._source_of_state() is not None

    def continuation(self) -> Continuation:
        """Where a writer goes on, in a file of the same structure: after the last checkpoint, or
        from the start if there is none.
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
