"""Playback of a waveform and acquisition, on one clock and one trigger."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oscilab.types import FloatArray, IntArray, Volts
from oscilab.wired.channels import Channel, ChannelTable
from oscilab.wired.waveform import Waveform
from oscilab_nidaq.boards import Connection
from oscilab_nidaq.lines import Group, add_inputs, add_line_inputs, add_lines, add_outputs, grouped
from oscilab_nidaq.session import Session

if TYPE_CHECKING:
    import nidaqmx

TIMEBASE_HZ = 100e6
"""The boards' timebase; only rates that divide it are exact."""
LARGEST = 4_000_000
"""Values in a buffer between this computer and the boards: 32 MB."""
POLL_S = 0.05
"""Target interval between reads, after each of which interlocks are checked."""
FEWEST, MOST = 1000, 10_000
"""Bounds of the number of samples per read."""
SHORTEST = 2
"""The fewest samples that NI-DAQmx plays from a buffer."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """One waveform on one clock.

    `total` samples are played. `buffer` is the size of the output buffer; a board that
    `regenerates` repeats it, otherwise each half is rewritten after it was played. `chunk` samples
    are read at a time.
    """

    waveform: Waveform
    rate_hz: float
    total: int
    buffer: int
    regenerates: bool
    chunk: int

    @classmethod
    def of(cls, waveform: Waveform, rate_hz: float) -> Schedule:
        """Return the schedule of `waveform` on a clock that the boards can make.

        It is the next slower clock, so that no slew limit is exceeded.
        """
        # Rounding errors must not turn an exact rate into the next slower one.
        rate = TIMEBASE_HZ / math.ceil(TIMEBASE_HZ / rate_hz * (1 - 1e-12))
        total = max(waveform.repeats * waveform.length, SHORTEST)
        most = LARGEST // max(len(waveform.lines), 1)
        chunk = min(max(int(rate * POLL_S), FEWEST), MOST)
        if waveform.repeats > 1 and SHORTEST <= waveform.length <= most:
            return cls(waveform, rate, total, waveform.length, True, chunk)
        return cls(waveform, rate, total, min(total, most), False, chunk)

    def input_buffer(self, lines: int) -> int:
        """Return the input buffer's size in samples per line; 0 for NI-DAQmx's default of all."""
        size = max(10 * self.chunk, LARGEST // max(lines, 1))
        return size if self.total >= size else 0

    def first(self) -> FloatArray:
        """Return the samples `[line, sample]` that are written before the start."""
        if self.regenerates:
            return self._expanded(0, self.waveform.length)
        return self.samples(0, self.buffer)

    def further(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of samples that are written during playback, half a buffer each."""
        if not self.regenerates:
            half = max(self.buffer // 2, 1)
            for start in range(self.buffer, self.total, half):
                yield start, min(start + half, self.total)

    def samples(self, start: int, stop: int) -> FloatArray:
        """Return samples `start` to `stop` over all repeats, `[line, sample]`."""
        waveform = self.waveform
        if waveform.repeats == 1 and stop <= waveform.length:
            return self._expanded(start, stop)
        # A waveform below the minimum length is extended by its last level.
        places = np.minimum(np.arange(start, stop), waveform.repeats * waveform.length - 1)
        return waveform.levels[:, waveform.step_of(places % waveform.length)]

    def _expanded(self, start: int, stop: int) -> FloatArray:
        if self.waveform.length == self.waveform.levels.shape[1]:
            # Every step is one sample, so a view is enough.
            return self.waveform.levels[:, start:stop]
        return self.waveform.expand(start, stop)

    def wanted(self, read: IntArray) -> IntArray:
        """Return the ascending input samples for the samples `read` of each repeat."""
        begins = np.arange(self.waveform.repeats, dtype=np.int64)[:, np.newaxis]
        return (begins * self.waveform.length + read + 1).ravel()


class Rig:
    """The tasks for a set of outputs and inputs, kept for further waveforms on these lines."""

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
        """Configure clock and buffers for `schedule`, if they differ from the last."""
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
        """Write the next samples `[row, sample]` of the outputs."""
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
        """Start all tasks, the owner of the clock last."""
        for _, task in self._outputs:
            task.start()
        for _, task in self._inputs:
            if task is not self._master:
                task.start()
        assert self._master is not None
        self._master.start()

    def read(self, volts: Volts, timeout: float) -> None:
        """Read the next samples of the inputs into `volts` `[row, sample]`."""
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
        """Stop the clock, then the other tasks, and unreserve the lines; outputs hold."""
        from nidaqmx.constants import TaskMode

        tasks = [task for _, task in [*self._inputs, *self._outputs]]
        tasks.sort(key=lambda task: task is not self._master)
        with ExitStack() as stops:
            # Callbacks run in reverse order, and all of them even if one fails. Outputs on a
            # stopped clock never finish, so abort, which also unreserves.
            for task in reversed(tasks):
                stops.callback(task.control, TaskMode.TASK_ABORT)

    def cut(self) -> int | None:
        """Stop the clock, and return how many samples of the waveform were generated.

        None if NI-DAQmx does not report it.
        """
        from nidaqmx.errors import Error

        with contextlib.suppress(Error):
            self._stop_inputs()
            # A stopped task loses this count, so only the inputs are stopped here.
            tasks = [task for _, task in self._outputs]
            return tasks[0].out_stream.total_samp_per_chan_generated if tasks else 0
        return None

    def halt(self) -> None:
        """Stop the clock, from any thread; pending reads fail."""
        from nidaqmx.errors import Error

        with contextlib.suppress(Error):
            self._stop_inputs()

    def _stop_inputs(self) -> None:
        """Abort the inputs, the clock's owner first; the others would wait for it and time out."""
        from nidaqmx.constants import TaskMode

        tasks = [task for _, task in self._inputs]
        for task in sorted(tasks, key=lambda task: task is not self._master):
            task.control(TaskMode.TASK_ABORT)

    def close(self) -> None:
        """Close the tasks."""
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
            # One input has to provide the clock, even if its samples are not wanted.
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


KEPT = 8
"""Number of rigs that are kept."""


class Rigs:
    """The rigs by their lines, and the progress of a waveform that was aborted."""

    def __init__(self, connection: Connection, channels: ChannelTable) -> None:
        self._connection = connection
        self._channels = channels
        self._kept: dict[tuple[str, ...], Rig] = {}
        self._playing: Rig | None = None
        self._unstopped: Rig | None = None
        self._waveform: Waveform | None = None

    @property
    def is_playing(self) -> bool:
        """Whether a waveform is playing."""
        return self._playing is not None

    @contextmanager
    def playing(
        self, session: Session, waveform: Waveform, inputs: Sequence[str]
    ) -> Generator[Rig]:
        """Yield the rig for `waveform`, and stop it at the end of the block."""
        rig = self._rig(session, waveform, inputs)
        self._unstopped, self._waveform = rig, waveform
        self._playing = rig
        try:
            yield rig
        finally:
            self._playing = None
        self.stop()

    def stop(self) -> None:
        """Stop the last rig and unreserve its lines, unless that was done.

        It works after any abort, even by a signal during a call to NI-DAQmx.
        """
        if self._unstopped is not None:
            self._unstopped.stop()
            self._unstopped = None

    def halt(self) -> None:
        """Stop the clock of the present waveform, from any thread."""
        playing = self._playing
        if playing is not None:
            playing.halt()

    def played(self, waveform: Waveform, answers: bool) -> int | None:
        """Stop the clock, and return how many samples of `waveform` were generated.

        None if NI-DAQmx does not report it, or does not answer (`answers` false).
        """
        if waveform is not self._waveform:
            return 0
        if self._unstopped is None:
            return waveform.repeats * waveform.length
        return self._unstopped.cut() if answers else None

    def close(self) -> None:
        """Close all tasks, even if one fails."""
        kept, self._kept = self._kept, {}
        self._unstopped = None
        with ExitStack() as closes:
            for rig in kept.values():
                closes.callback(rig.close)

    def _rig(self, session: Session, waveform: Waveform, inputs: Sequence[str]) -> Rig:
        outputs = [self._channels.outputs[number] for number in waveform.lines.tolist()]
        key = (*(channel.name for channel in outputs), "", *inputs)
        rig = self._kept.pop(key, None)
        if rig is None:
            chosen = [self._channels.input(name) for name in inputs]
            rig = Rig(session, self._connection, outputs, chosen)
        # Evict the least recently played.
        self._kept[key] = rig
        if len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept))).close()
        return rig


def play(
    rig: Rig,
    schedule: Schedule,
    inputs: Sequence[str],
    read: IntArray,
    timeout: float,
    watch: Callable[[Mapping[str, float]], None],
) -> Volts:
    """Play `schedule` and return volts `[input, repeat, reading]`.

    After every chunk `watch` is called with the last reading of each input; it may raise to abort.
    The caller stops the tasks.
    """
    wanted = schedule.wanted(read)
    volts = np.empty((len(inputs), len(wanted)))
    rig.write(schedule.first(), timeout)
    rig.start()
    further = schedule.further()
    coming = next(further, None)
    chunk = np.empty((len(inputs), min(schedule.chunk, schedule.total + 1)))
    for start in range(0, schedule.total + 1, schedule.chunk):
        stop = min(start + schedule.chunk, schedule.total + 1)
        part = chunk[:, : stop - start] if stop - start < chunk.shape[1] else chunk
        if not part.flags.c_contiguous:
            part = np.empty(part.shape)
        rig.read(part, timeout + (stop - start) / schedule.rate_hz)
        low, high = np.searchsorted(wanted, [start, stop])
        volts[:, low:high] = part[:, _places(wanted[low:high] - start)]
        watch(dict(zip(inputs, part[:, -1].tolist(), strict=True)))
        # Samples up to `stop` were played, so the buffer has room.
        while coming is not None and coming[1] - stop < schedule.buffer:
            rig.write(schedule.samples(*coming), timeout)
            coming = next(further, None)
    return volts.reshape(len(inputs), schedule.waveform.repeats, -1)


def _places(wanted: IntArray) -> slice | IntArray:
    """Return `wanted` as a slice if it is consecutive, which avoids a copy."""
    if len(wanted) and wanted[-1] - wanted[0] == len(wanted) - 1:
        return slice(int(wanted[0]), int(wanted[-1]) + 1)
    return wanted
