"""Write a run file while it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oscilab.arrays.readings import ForceReading, PositionReading, Trajectory
from oscilab.errors import InvalidInput
from oscilab.physics.protocol import Protocol
from oscilab.traces.join import join_run
from oscilab.traces.paths import result_path, segment_folder
from oscilab.traces.pending import Pending
from oscilab.traces.plan import RunPlan
from oscilab.traces.result import write_result_file
from oscilab.traces.rows import reading_block, training_block
from oscilab.traces.segment import Segment
from oscilab.traces.segments import Rotation, Segments
from oscilab.traces.starting import begin, go_on
from oscilab.types import Float64Array, FloatArray

FinalStatus = Literal["finished", "interrupted", "failed"]


class RunWriter:
    """Everything measured goes through here; `path` is the run's name from its first second.

    Rows are handed over with `append` and `append_reading` and count once `commit` returns: a
    process that is killed afterwards has not lost them. Used as a context manager it closes as
    `finished`, as `interrupted` on Ctrl-C, and as `failed` on any other exception.
    """

    def __init__(self, segments: Segments) -> None:
        self.path = segments.path
        self._segments = segments
        start = segments.current.start
        self._pending = Pending(start.rows, start.readings, last_kept=start.rows - 1)
        self._elapsed = 0.0
        self._closed = False

    @classmethod
    def create(cls, path: str | Path, plan: RunPlan, *, rotation: Rotation | None = None) -> Self:
        """A new run file.

        Raises:
            InvalidInput: it exists, or its folder cannot be written; nothing is left behind then.
        """
        return cls(begin(Path(path), plan, rotation))

    @classmethod
    def resume(cls, path: str | Path, *, rotation: Rotation | None = None) -> Self:
        """Continue a torn, interrupted or failed run after its last checkpoint.

        What follows goes to a new segment; rows after the checkpoint, or all if there is none,
        are replaced by it.

        Raises:
            InvalidInput: the run is finished or still being written.
        """
        return cls(go_on(Path(path), rotation))

    @property
    def rows(self) -> int:
        """How many rows the run has, those not yet committed included."""
        return self._pending.end_row

    @property
    def troubles(self) -> list[str]:
        """What went wrong without stopping the run, such as a disk that was full for a while."""
        return self._segments.troubles

    def append(
        self,
        *,
        step: ArrayLike,
        node: ArrayLike,
        loss: ArrayLike,
        gradient_norm: ArrayLike,
        redrawn: ArrayLike,
        projected: ArrayLike,
        elapsed: ArrayLike,
        status: ArrayLike,
    ) -> None:
        """Rows, one for every measured batch: arrays `[row]`, or a number that holds for all.

        Raises:
            InvalidInput: the arrays differ in length.
        """
        block = training_block(
            {
                "step": step,
                "node_number": node,
                "loss": loss,
                "gradient_norm": gradient_norm,
                "redrawn": redrawn,
                "projected": projected,
                "elapsed": elapsed,
                "status": status,
            }
        )
        self._elapsed = float(block["elapsed"][-1])
        self._pending.add_rows(block)

    def append_reading(
        self,
        *,
        row: int,
        reading: ForceReading | PositionReading,
        targets: FloatArray | None = None,
    ) -> None:
        """What was read in measured batch number `row`, counted from the run's start.

        `targets` `[shot, oscillator]` are what learning aimed at, where the plan keeps them. A
        batch shorter than planned is filled up with NaN. The arrays are not copied: they must
        stay as they are until `commit`.

        Raises:
            InvalidInput: the run keeps no readings or another kind, the shape does not fit, or the
                row was not appended yet or not after the last one with readings.
        """
        self._pending.check_order(row)
        self._pending.add_reading(reading_block(self._segments.current, row, reading, targets))

    def commit(self) -> None:
        """Write all that was appended; it is safe from the death of this process on return.

        Raises:
            OscilabError: neither this file nor a new one could be written.
        """
        pending = self._pending
        if pending.is_empty:
            return
        rows, readings = pending.rows(), pending.readings()
        self._segments.apply(
            lambda segment: segment.append(rows, pending.row, readings, pending.reading),
            pending.row,
            pending.reading,
        )
        self._pending = pending.after()
        self._segments.rotate_if_due(self._pending.row, self._pending.reading)

    def rotate(self) -> None:
        """Go on in a new file now; what was committed is sealed."""
        self.commit()
        self._segments.rotate(self._pending.row, self._pending.reading, "asked")

    def checkpoint(
        self, step: int, parameters: Float64Array, arrays: Mapping[str, NDArray[Any]]
    ) -> None:
        """The training state after `step`: `parameters` `[node, parameter]` and the arrays planned.

        What was appended is committed first, so that the state and the rows belong together.

        Raises:
            InvalidInput: an array that was not planned, or has another shape.
        """
        self.commit()
        batch = self._pending.row
        state: dict[str, Any] = {
            "step": np.int64(step),
            "batch": np.int64(batch),
            "parameters": parameters,
            **arrays,
        }
        history = {
            "checkpoint": np.array([step]),
            "step": np.array([step]),
            "batch": np.array([batch]),
            "elapsed": np.array([self._elapsed]),
            "parameters": parameters[np.newaxis],
        }
        self._segments.current.check_state(state)
        self._apply(lambda segment: segment.checkpoint(state, history))

    def write_protocol(self, protocol: Protocol) -> None:
        """The protocol as trained, or as played."""
        self._apply(lambda segment: segment.write_protocol(protocol.parameters))

    def write_trajectory(self, trajectory: Trajectory) -> None:
        """Playbacks `[copy, time, oscillator]`; further calls add copies at the same times."""
        self._apply(lambda segment: segment.append_trajectory(trajectory))

    def write_result(
        self,
        *,
        samples: Mapping[str, NDArray[Any]],
        figures: Mapping[str, float],
        tables: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Samples `[sample, ...]` by readout, figures of merit and tables by name.

        Raises:
            InvalidInput: a name holds a slash.
            OscilabError: there is no room for it.
        """
        path, oscillators = result_path(self.path), self._segments.current.oscillators
        self._segments.apply_beside(
            lambda: write_result_file(path, oscillators, samples, figures, tables or {})
        )

    def close(self, status: FinalStatus = "finished") -> None:
        """Commit what is pending and close; a finished run becomes one file.

        A second call does nothing, nor does one after a `commit` that could write nowhere: the
        run then reads as torn.

        Raises:
            OscilabError: the end of the run cannot be written.
        """
        if self._closed or self._segments.is_broken:
            return
        self.commit()
        self._closed = True
        self._segments.finish(status, self._pending.row, self._pending.reading)
        if status == "finished" and segment_folder(self.path).exists():
            try:
                self.troubles.extend(join_run(self.path))
            except InvalidInput as error:
                self.troubles.append(
                    f"{error}; it reads just the same, and oscilab traces repair joins it later"
                )

    def _apply(self, action: Callable[[Segment], None]) -> None:
        self.commit()
        self._segments.apply(action, self._pending.row, self._pending.reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close("finished")
        else:
            self.close("interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")
