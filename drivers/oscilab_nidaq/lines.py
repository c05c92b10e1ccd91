"""Groups of lines for NI's tasks, and static (unclocked) writes and reads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.types import Float64Array, FloatArray, IndexArray, Volts
from oscilab.wired.channels import Channel
from oscilab_nidaq.boards import Board
from oscilab_nidaq.session import Session


@dataclass(frozen=True, eq=False)
class Group:
    """Lines of one board that one task drives or reads.

    `rows` are their rows in a waveform or in readings; `bits` are the numbers of digital lines in
    their port.
    """

    board: str
    digital: bool
    names: tuple[str, ...]
    rows: IndexArray
    bits: NDArray[np.uint32]

    @property
    def where(self) -> slice | IndexArray:
        """The rows; a slice if they are consecutive, which avoids a copy."""
        if len(self.rows) and (np.diff(self.rows) == 1).all():
            return slice(int(self.rows[0]), int(self.rows[-1]) + 1)
        return self.rows

    @property
    def listed(self) -> str:
        """The names as one string for NI-DAQmx."""
        return ", ".join(self.names)

    def packed(self, levels: FloatArray) -> NDArray[np.uint32]:
        """Return the port values `[sample]` for `levels` `[row, sample]` of all rows."""
        numbers = np.zeros(levels.shape[1], np.uint32)
        for row, bit in zip(self.rows, self.bits, strict=True):
            numbers |= (levels[row] > 0.5).astype(np.uint32) << bit
        return numbers

    def unpacked(self, numbers: NDArray[np.uint32]) -> Float64Array:
        """Return the levels `[line, sample]` for port values `[sample]`."""
        return ((numbers >> self.bits[:, np.newaxis]) & np.uint32(1)).astype(np.float64)


def grouped(channels: Sequence[Channel]) -> list[Group]:
    """Return `channels`, the rows of a waveform or of readings, grouped by board and kind."""
    found: dict[tuple[str, bool], list[int]] = {}
    for row, channel in enumerate(channels):
        board = channel.name.partition("/")[0]
        found.setdefault((board, channel.kind == "digital"), []).append(row)
    return [
        Group(
            board,
            digital,
            tuple(channels[row].name for row in rows),
            np.array(rows, np.intp),
            np.array([_bit(channels[row].name) if digital else 0 for row in rows], np.uint32),
        )
        for (board, digital), rows in found.items()
    ]


def _bit(name: str) -> int:
    return int(name.rpartition("line")[2])


class Static:
    """Static writes and reads, with one task per board and kind of line.

    NI-DAQmx reserves the lines only for the duration of a call.
    """

    def __init__(
        self, session: Session, boards: dict[str, Board], outputs: Sequence[Channel]
    ) -> None:
        from nidaqmx.stream_writers import AnalogMultiChannelWriter, DigitalSingleChannelWriter

        self._session = session
        self._boards = boards
        self._tasks = ExitStack()
        self._readers: dict[tuple[str, ...], list[tuple[Group, object]]] = {}
        self._analog: list[tuple[Group, AnalogMultiChannelWriter]] = []
        self._digital: list[tuple[Group, DigitalSingleChannelWriter]] = []
        for group in grouped(outputs):
            task = self._tasks.enter_context(session.task())
            if group.digital:
                add_lines(task, group)
                lines = DigitalSingleChannelWriter(task.out_stream)
                lines.verify_array_shape = False
                self._digital.append((group, lines))
            else:
                add_outputs(task, group, boards[group.board])
                writer = AnalogMultiChannelWriter(task.out_stream)
                writer.verify_array_shape = False
                self._analog.append((group, writer))

    def set(self, volts: Volts, timeout: Any, board: str | None = None) -> None:
        """Set every output, or those of `board`, to `volts` `[output]`, within `timeout` seconds.

        Writing one sample starts and stops its task. (NI's stubs do not allow a float timeout.)
        """
        for group, writer in self._analog:
            if board not in (None, group.board):
                continue
            writer.write_one_sample(np.ascontiguousarray(volts[group.rows], np.float64), timeout)
        for group, lines in self._digital:
            if board not in (None, group.board):
                continue
            number = int(group.packed(volts[:, np.newaxis])[0])
            lines.write_one_sample_port_uint32(number, timeout)

    def read(self, inputs: Sequence[Channel], samples: int, timeout: float) -> Volts:
        """Return readings `[input, sample]` of `inputs`."""
        from nidaqmx.stream_readers import AnalogMultiChannelReader

        volts = np.empty((len(inputs), samples))
        for group, reader in self._reading(inputs):
            if isinstance(reader, AnalogMultiChannelReader):
                found = np.empty((len(group.names), samples))
                reader.read_many_sample(found, samples, timeout)
                volts[group.rows] = found
            else:
                numbers = np.empty(samples, np.uint32)
                for sample in range(samples):
                    numbers[sample] = reader.read_one_sample_port_uint32(timeout)  # type: ignore[attr-defined]
                volts[group.rows] = group.unpacked(numbers)
        return volts

    def close(self) -> None:
        """Close the tasks."""
        self._readers.clear()
        self._tasks.close()

    def _reading(self, inputs: Sequence[Channel]) -> list[tuple[Group, object]]:
        from nidaqmx.stream_readers import AnalogMultiChannelReader, DigitalSingleChannelReader

        key = tuple(channel.name for channel in inputs)
        if key not in self._readers:
            found: list[tuple[Group, object]] = []
            for group in grouped(inputs):
                task = self._tasks.enter_context(self._session.task())
                if group.digital:
                    add_line_inputs(task, group)
                    reader: object = DigitalSingleChannelReader(task.in_stream)
                else:
                    add_inputs(task, group.listed, self._boards[group.board])
                    reader = AnalogMultiChannelReader(task.in_stream)
                reader.verify_array_shape = False  # type: ignore[attr-defined]
                found.append((group, reader))
            self._readers[key] = found
        return self._readers[key]


def add_outputs(task: object, group: Group, board: Board) -> None:
    """Add analog outputs over the board's range to a task."""
    task.ao_channels.add_ao_voltage_chan(  # type: ignore[attr-defined]
        group.listed, min_val=-board.range_V, max_val=board.range_V
    )


def add_inputs(task: object, names: str, board: Board) -> None:
    """Add analog inputs over the board's range to a task."""
    from nidaqmx.constants import TerminalConfiguration

    terminals = {
        "differential": TerminalConfiguration.DIFF,
        "single-ended": TerminalConfiguration.RSE,
    }
    task.ai_channels.add_ai_voltage_chan(  # type: ignore[attr-defined]
        names, terminal_config=terminals[board.terminals],
        min_val=-board.range_V, max_val=board.range_V,
    )  # fmt: skip


def add_lines(task: object, group: Group) -> None:
    """Add digital outputs to a task as one channel."""
    from nidaqmx.constants import LineGrouping

    task.do_channels.add_do_chan(group.listed, line_grouping=LineGrouping.CHAN_FOR_ALL_LINES)  # type: ignore[attr-defined]


def add_line_inputs(task: object, group: Group) -> None:
    """Add digital inputs to a task as one channel."""
    from nidaqmx.constants import LineGrouping

    task.di_channels.add_di_chan(group.listed, line_grouping=LineGrouping.CHAN_FOR_ALL_LINES)  # type: ignore[attr-defined]
