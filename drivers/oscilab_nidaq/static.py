"""Setting and reading lines without a clock."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from oscilab.types import Volts
from oscilab.wired.channels import Channel
from oscilab_nidaq.boards import Board
from oscilab_nidaq.lines import Group, grouped
from oscilab_nidaq.session import Session


class Static:
    """One task a board and kind of line. NI-DAQmx holds lines for the length of a call alone."""

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
        """Put every output, or those of `board`, at `volts` `[output]`, in `timeout` seconds.

        One sample starts and stops its task by itself. (NI's stubs take no fractions of seconds.)
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
        """Readings of `inputs`, `[input, sample]`."""
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
        """Let go of the tasks."""
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
    """Analog outputs over the board's range."""
    task.ao_channels.add_ao_voltage_chan(  # type: ignore[attr-defined]
        group.listed, min_val=-board.range_V, max_val=board.range_V
    )


def add_inputs(task: object, names: str, board: Board) -> None:
    """Analog inputs over the board's range."""
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
    """Digital outputs as one channel."""
    from nidaqmx.constants import LineGrouping

    task.do_channels.add_do_chan(group.listed, line_grouping=LineGrouping.CHAN_FOR_ALL_LINES)  # type: ignore[attr-defined]


def add_line_inputs(task: object, group: Group) -> None:
    """Digital inputs as one channel."""
    from nidaqmx.constants import LineGrouping

    task.di_channels.add_di_chan(group.listed, line_grouping=LineGrouping.CHAN_FOR_ALL_LINES)  # type: ignore[attr-defined]
