"""Tasks that play a waveform and read, by one clock and one trigger.

The analog inputs of one board give the clock. Every other task follows it and waits for it, so that
nothing moves before the last of them is armed. An input takes its sample at an edge of the clock
and an output changes at it, so that the sample after an output's is the one taken as it ends;
inputs take one sample more than outputs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from oscilab.types import Volts
from oscilab.wired.channels import Channel
from oscilab_nidaq.connection import Connection
from oscilab_nidaq.lines import Group, grouped
from oscilab_nidaq.schedule import Schedule
from oscilab_nidaq.session import Session
from oscilab_nidaq.static import add_inputs, add_line_inputs, add_lines, add_outputs

if TYPE_CHECKING:
    import nidaqmx


class Rig:
    """The tasks for some outputs and inputs, kept for the next waveform on the same lines."""

    def __init__(
        self,
        session: Session,
        connection: Connection,
        outputs: Sequence[Channel],
        inputs: Sequence[Channel],
    ) -> None:
        self._connection = connection
        self._stack = ExitStack()
        self._outputs = [(group, self._task(session)) for group in grouped(outputs)]
        self._inputs: list[tuple[Group, nidaqmx.Task]] = []
        self._master: nidaqmx.Task | None = None
        self._configured: tuple[Any, ...] | None = None
        try:
            self._fill(session, inputs)
        except BaseException:
            self.close()
            raise

    def prepare(self, schedule: Schedule) -> None:
        """Clock and buffers for `schedule`; free where nothing changed since the last."""
        key = (schedule.total, schedule.rate_hz, schedule.buffer, schedule.regenerates)
        if self._configured == key:
            return
        self._configured = None
        from nidaqmx.constants import AcquisitionType, RegenerationMode

        connection = self._connection
        own = f"/{connection.master}/ai/"
        for group, task in self._inputs:
            source = (connection.clock or "") if task is self._master else self._clock
            task.timing.cfg_samp_clk_timing(
                schedule.rate_hz, source, sample_mode=AcquisitionType.FINITE,
                samps_per_chan=schedule.total + 1,
            )  # fmt: skip
            size = schedule.input_buffer(len(group.names))
            if size:
                task.in_stream.input_buf_size = size
        for _, task in self._outputs:
            task.timing.cfg_samp_clk_timing(
                schedule.rate_hz, self._clock, sample_mode=AcquisitionType.FINITE,
                samps_per_chan=schedule.total,
            )  # fmt: skip
            task.triggers.start_trigger.cfg_dig_edge_start_trig(own + "StartTrigger")
            task.out_stream.regen_mode = (
                RegenerationMode.ALLOW_REGENERATION
                if schedule.regenerates
                else RegenerationMode.DONT_ALLOW_REGENERATION
            )
            task.out_stream.output_buf_size = schedule.buffer
        if connection.trigger is not None and self._master is not None:
            self._master.triggers.start_trigger.cfg_dig_edge_start_trig(connection.trigger)
        self._configured = key

    def write(self, levels: Volts, timeout: float) -> None:
        """The next samples `[row, sample]` of the outputs."""
        from nidaqmx.stream_writers import AnalogMultiChannelWriter, DigitalSingleChannelWriter

        for group, task in self._outputs:
            if group.digital:
                lines = DigitalSingleChannelWriter(task.out_stream)
                lines.verify_array_shape = False
                lines.write_many_sample_port_uint32(group.packed(levels), timeout)
            else:
                writer = AnalogMultiChannelWriter(task.out_stream)
                writer.verify_array_shape = False
                writer.write_many_sample(np.ascontiguousarray(levels[group.where]), timeout)

    def start(self) -> None:
        """Arm everything, the owner of the clock last."""
        for _, task in self._outputs:
            task.start()
        for _, task in self._inputs:
            if task is not self._master:
                task.start()
        assert self._master is not None
        self._master.start()

    def read(self, volts: Volts, timeout: float) -> None:
        """The next samples of the inputs into `volts` `[row, sample]`."""
        from nidaqmx.stream_readers import AnalogMultiChannelReader, DigitalSingleChannelReader

        count = volts.shape[1]
        for group, task in self._inputs:
            if group.digital:
                numbers = np.empty(count, np.uint32)
                lines = DigitalSingleChannelReader(task.in_stream)
                lines.verify_array_shape = False
                lines.read_many_sample_port_uint32(numbers, count, timeout)
                volts[group.rows] = group.unpacked(numbers)
                continue
            reader = AnalogMultiChannelReader(task.in_stream)
            reader.verify_array_shape = False
            whole = len(group.rows) == len(volts)
            found = volts if whole else np.empty((max(len(group.names), 1), count))
            reader.read_many_sample(found, count, timeout)
            if not whole:
                volts[group.rows] = found[: len(group.rows)]

    def stop(self) -> None:
        """Stop the clock first, then the rest, and let go of the lines; outputs hold."""
        from nidaqmx.constants import TaskMode

        tasks = [task for _, task in [*self._inputs, *self._outputs]]
        tasks.sort(key=lambda task: task is not self._master)
        with ExitStack() as stops:
            # The last first; all of them, also where one fails. Outputs that follow a stopped
            # clock cannot be waited for: abort, and unreserve.
            for task in reversed(tasks):
                stops.callback(task.control, TaskMode.TASK_ABORT)

    def cut(self) -> int | None:
        """Stop the clock of a waveform in its middle, and say how many samples of it the outputs
        have made; None where NI-DAQmx does not tell.
        """
        from nidaqmx.errors import Error

        with contextlib.suppress(Error):
            self._stop_inputs()
            # A task that is stopped itself forgets; nothing was played where none drives.
            tasks = [task for _, task in self._outputs]
            return tasks[0].out_stream.total_samp_per_chan_generated if tasks else 0
        return None

    def halt(self) -> None:
        """Stop the clock, from any thread, and with it everything; what waits for samples fails."""
        from nidaqmx.errors import Error

        with contextlib.suppress(Error):
            self._stop_inputs()

    def _stop_inputs(self) -> None:
        """The clock's owner first. The others would wait for it until their time is out."""
        from nidaqmx.constants import TaskMode

        tasks = [task for _, task in self._inputs]
        for task in sorted(tasks, key=lambda task: task is not self._master):
            task.control(TaskMode.TASK_ABORT)

    def close(self) -> None:
        """Let go of the tasks."""
        self._stack.close()

    @property
    def _clock(self) -> str:
        return self._connection.clock or f"/{self._connection.master}/ai/SampleClock"

    def _task(self, session: Session) -> nidaqmx.Task:
        return self._stack.enter_context(session.task())

    def _fill(self, session: Session, inputs: Sequence[Channel]) -> None:
        boards, master = self._connection.boards, self._connection.master
        for group, task in self._outputs:
            if group.digital:
                add_lines(task, group)
            else:
                add_outputs(task, group, boards[group.board])
        groups = grouped(inputs)
        if not any(group.board == master and not group.digital for group in groups):
            # Somebody has to give the clock: one input whose samples nobody wants.
            nothing = np.empty(0, np.intp)
            groups.append(Group(master, False, (), nothing, nothing.astype(np.uint32)))
        for group in groups:
            task = self._task(session)
            self._inputs.append((group, task))
            if group.digital:
                add_line_inputs(task, group)
                continue
            add_inputs(task, group.listed or f"{master}/ai0", boards[group.board])
            if group.board == master:
                self._master = task
