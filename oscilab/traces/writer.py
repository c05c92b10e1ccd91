"""Write a run file during the run."""

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
from oscilab.traces.starting import begin, continue_run
from oscilab.types import Float64Array, FloatArray

FinalStatus = Literal["finished", "interrupted", "failed"]


class RunWriter:
    """Writes the data of a run; `path` is the run file.

    Rows are added by `append` and `append_reading` and are safe once `commit` returns, even if the
    process is killed afterwards. As a context manager it closes the run as `finished`, as
    `interrupted` on Ctrl-C, and as `failed` on any other exception.
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
        """Create a new run file.

        Raises:
            InvalidInput: it exists, or its folder cannot be written; nothing is left behind.
        """
        return cls(begin(Path(path), plan, rotation))

    @classmethod
    def resume(cls, path: str | Path, *, rotation: Rotation | None = None) -> Self:
        """Continue a torn, interrupted or failed run after its last checkpoint.

        New rows go to a new segment. It supersedes the rows after the checkpoint, or all rows if
        there is no checkpoint.

        Raises:
            InvalidInput: the run is finished or still being written.
        """
        return cls(continue_run(Path(path), rotation))

    @property
    def rows(self) -> int:
        """The number of rows of the run, including uncommitted ones."""
        return self._pending.end_row

    @property
    def troubles(self) -> list[str]:
        """Problems that did not stop the run, such as a disk that was full for a while."""
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
        """Append rows, one for every measured batch: arrays `[row]`, or a number for all rows.

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
        """Append the reading of measured batch number `row`, counted from the run's start.

        `targets` `[shot, oscillator]` are the target forces, if the plan has them. A batch shorter
        than planned is padded with NaN. The arrays are not copied and must not change before
        `commit`.

        Raises:
            InvalidInput: the run logs no readings or another kind, the shape does not fit, the row
                was not appended yet, or it is not after the last one with readings.
        """
        self._pending.check_order(row)
        self._pending.add_reading(reading_block(self._segments.current, row, reading, targets))

    def commit(self) -> None:
        """Write all that was appended; afterwards it survives the death of this process.

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
        """Commit, then continue in a new file and seal the current one."""
        self.commit()
        self._segments.rotate(self._pending.row, self._pending.reading, "asked")

    def checkpoint(
        self, step: int, parameters: Float64Array, arrays: Mapping[str, NDArray[Any]]
    ) -> None:
        """Write the training state after `step`: `parameters` `[node, parameter]`, and `arrays`.

        Appended rows are committed first, so that state and rows are consistent.

        Raises:
            InvalidInput: an array was not planned, or has the wrong shape.
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
        """Write the protocol as trained or as played."""
        self._apply(lambda segment: segment.write_protocol(protocol.parameters))

    def write_trajectory(self, trajectory: Trajectory) -> None:
        """Write playbacks `[copy, time, oscillator]`; later calls add copies at the same times."""
        self._apply(lambda segment: segment.append_trajectory(trajectory))

    def write_result(
        self,
        *,
        samples: Mapping[str, NDArray[Any]],
        figures: Mapping[str, float],
        tables: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Write samples `[sample, ...]` by readout, and figures of merit and tables by name.

        Raises:
            InvalidInput: a name contains a slash.
            OscilabError: the disk is full.
        """
        path, oscillators = result_path(self.path), self._segments.current.oscillators
        self._segments.apply_beside(
            lambda: write_result_file(path, oscillators, samples, figures, tables or {})
        )

    def close(self, status: FinalStatus = "finished") -> None:
        """Commit pending rows and close; the files of a finished run are joined.

        A second call does nothing. Nor does a call after a `commit` that failed: the run then reads
        as torn.

        Raises:
            OscilabError: the run's status cannot be written.
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
