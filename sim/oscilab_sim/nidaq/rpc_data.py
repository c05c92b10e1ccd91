"""RPCs that read and write samples: volts, lines and ports, unscaled codes, and waveforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from nidaqmx.error_codes import DAQmxErrors
from numpy.typing import NDArray

from oscilab.types import FloatArray, Volts
from oscilab_sim.nidaq.buffers import OutputBuffer
from oscilab_sim.nidaq.calls import Alive, DaqFault, Reply, aborted, raw
from oscilab_sim.nidaq.driver import Driver, new_output_buffer
from oscilab_sim.nidaq.rpc_properties import raw_bits
from oscilab_sim.nidaq.tasks import TIMEBASE_HZ, Kind, VirtualTask

ALL = -1


class DataRpcs:
    """Reads and writes volts, lines and ports."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def ReadAnalogF64(self, request: Any, alive: Alive) -> Reply:
        """Read volts, grouped by channel or by sample."""
        task = reader(self._driver, request, Kind.AI)
        return self._read(task, request, alive, lambda volts: volts)

    def ReadAnalogScalarF64(self, request: Any, alive: Alive) -> Reply:
        """Read one voltage."""
        task = reader(self._driver, request, Kind.AI)
        return {"value": float(self._scalar(task, request, alive)[0, 0])}

    def ReadDigitalLines(self, request: Any, alive: Alive) -> Reply:
        """Read one byte per line."""
        task = reader(self._driver, request, Kind.DI)
        reply = dict(self._read(task, request, alive, _as_bytes, lines=True))
        reply["num_bytes_per_samp"] = max(len(channel.places) for channel in task.channels)
        return reply

    def ReadDigitalU32(self, request: Any, alive: Alive) -> Reply:
        """Read one number per channel; bit n is line n."""
        task = reader(self._driver, request, Kind.DI)
        return self._read(task, request, alive, lambda bits: _packed(task, bits))

    def ReadDigitalScalarU32(self, request: Any, alive: Alive) -> Reply:
        """Read one number."""
        task = reader(self._driver, request, Kind.DI)
        return {"value": int(_packed(task, self._scalar(task, request, alive))[0, 0])}

    def WriteAnalogF64(self, request: Any, alive: Alive) -> Reply:
        """Write volts, grouped by channel or by sample."""
        task = writer(self._driver, request, Kind.AO)
        volts = np.asarray(request.write_array, np.float64)
        samples = _shaped(task, volts, len(task.channels), request)
        return self._write(task, samples, request, alive)

    def WriteAnalogScalarF64(self, request: Any, alive: Alive) -> Reply:
        """Write one voltage."""
        task = writer(self._driver, request, Kind.AO)
        return self._write(task, np.array([[request.value]]), request, alive, scalar=True)

    def WriteDigitalLines(self, request: Any, alive: Alive) -> Reply:
        """Write one byte per line."""
        task = writer(self._driver, request, Kind.DO)
        bits = np.frombuffer(request.write_array, np.uint8).astype(np.float64)
        samples = _shaped(task, bits, len(task.names), request, lines=True)
        return self._write(task, np.minimum(samples, 1.0), request, alive)

    def WriteDigitalU32(self, request: Any, alive: Alive) -> Reply:
        """Write one number per channel."""
        task = writer(self._driver, request, Kind.DO)
        numbers = np.asarray(request.write_array, np.uint32)
        samples = _unpacked(task, _shaped(task, numbers, len(task.channels), request))
        return self._write(task, samples, request, alive)

    def WriteDigitalScalarU32(self, request: Any, alive: Alive) -> Reply:
        """Write one number."""
        task = writer(self._driver, request, Kind.DO)
        samples = _unpacked(task, np.array([[request.value]], np.uint32))
        return self._write(task, samples, request, alive, scalar=True)

    def _scalar(self, task: VirtualTask, request: Any, alive: Alive) -> FloatArray:
        record = read_samples(self._driver, task, 1, Wait(request.timeout, alive))
        if record.fault is not None:
            raise record.fault
        return record.samples

    def _read(
        self,
        task: VirtualTask,
        request: Any,
        alive: Alive,
        convert: Callable[[FloatArray], NDArray[Any]],
        lines: bool = False,
    ) -> Reply:
        wait = Wait(request.timeout, alive)
        record = read_samples(self._driver, task, request.num_samps_per_chan, wait)
        found = convert(record.samples)
        by_channel = raw(request, "fill_mode") == 0
        ordered = found if by_channel else found.T
        array = ordered.tobytes() if lines else np.ascontiguousarray(ordered).ravel()
        reply = {"read_array": array, "samps_per_chan_read": record.samples.shape[1]}
        return record.replied(reply)

    def _write(
        self,
        task: VirtualTask,
        samples: FloatArray,
        request: Any,
        alive: Alive,
        scalar: bool = False,
    ) -> Reply:
        wait = Wait(request.timeout, alive)
        written = write_samples(self._driver, task, samples, request.auto_start, wait)
        return {} if scalar else {"samps_per_chan_written": written}


def reader(driver: Driver, request: Any, *kinds: Kind) -> VirtualTask:
    """Return the task of a request that reads channels of one of `kinds`.

    Raises:
        DaqFault: the task has no such channels.
    """
    task = driver.task(request.task.name)
    if task.kind not in kinds:
        raise DaqFault(
            DAQmxErrors.READ_NO_INPUT_CHANS_IN_TASK,
            "Read cannot be performed because this task does not contain any channels of "
            f"that kind.\n\nTask Name: {task.name}",
        )
    return task


def writer(driver: Driver, request: Any, kind: Kind) -> VirtualTask:
    """Return the task of a request that writes to channels of `kind`.

    Raises:
        DaqFault: the task has no such channels.
    """
    task = driver.task(request.task.name)
    if task.kind is not kind:
        raise DaqFault(
            DAQmxErrors.WRITE_NO_OUTPUT_CHANS_IN_TASK,
            "Write cannot be performed because this task does not contain any output channels "
            f"of that kind.\n\nTask Name: {task.name}",
        )
    return task


def _shaped(
    task: VirtualTask, values: NDArray[Any], rows: int, request: Any, lines: bool = False
) -> NDArray[Any]:
    count = request.num_samps_per_chan
    if values.size != rows * count:
        raise DaqFault(
            DAQmxErrors.WRITE_NUM_CHANS_MISMATCH,
            "Write cannot be performed, because the number of channels in the data does not match "
            f"the number of channels in the task.\n\nNumber of Channels in Task: {rows}\nValues "
            f"in the Data: {values.size} of {count} samples\n\nTask Name: {task.name}",
        )
    if raw(request, "data_layout") == 0 and not lines:
        return values.reshape(rows, count)
    if raw(request, "data_layout") == 0:
        parts: list[NDArray[Any]] = []
        start = 0
        for channel in task.channels:
            width = len(channel.places)
            parts.append(values[start : start + width * count].reshape(count, width).T)
            start += width * count
        return np.concatenate(parts)
    return values.reshape(count, rows).T


def _as_bytes(samples: FloatArray) -> NDArray[np.uint8]:
    return (samples > 0.5).astype(np.uint8)


def _packed(task: VirtualTask, bits: FloatArray) -> NDArray[np.uint32]:
    rows = iter(bits > 0.5)
    found = np.zeros((len(task.channels), bits.shape[1]), np.uint32)
    for row, channel in zip(found, task.channels, strict=True):
        for place in channel.places:
            row |= next(rows).astype(np.uint32) << np.uint32(_bit(place.name))
    return found


def _unpacked(task: VirtualTask, numbers: NDArray[np.uint32]) -> FloatArray:
    rows = [
        (row >> np.uint32(_bit(place.name))) & np.uint32(1)
        for row, channel in zip(numbers, task.channels, strict=True)
        for place in channel.places
    ]
    return np.array(rows, np.float64)


def _bit(line: str) -> int:
    return int(line.rpartition("line")[2])


class RawRpcs:
    """Reads unscaled, signed codes; a voltage beyond the range reads as the last code."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def ReadRaw(self, request: Any, alive: Alive) -> Reply:
        """Read bytes, grouped by sample."""
        task = reader(self._driver, request, Kind.AI)
        codes, record = self._codes(task, request, alive)
        widths = [raw_bits(self._driver.chassis.boards[device]) for device in task.devices]
        samples = codes.T.astype(np.int16 if max(widths) == 16 else np.int32)
        reply = {
            "read_array": np.ascontiguousarray(samples).tobytes(),
            "samps_read": codes.shape[1],
            "num_bytes_per_samp": max(widths) // 8,
        }
        return record.replied(reply)

    def ReadBinaryI16(self, request: Any, alive: Alive) -> Reply:
        """Read codes of 16 bits; those of finer boards are truncated, as in NI-DAQmx."""
        return self._binary(request, alive, np.int16)

    def ReadBinaryI32(self, request: Any, alive: Alive) -> Reply:
        """Read codes of 32 bits."""
        return self._binary(request, alive, np.int32)

    def _binary(self, request: Any, alive: Alive, kind: type[np.integer[Any]]) -> Reply:
        task = reader(self._driver, request, Kind.AI)
        codes, record = self._codes(task, request, alive)
        by_channel = raw(request, "fill_mode") == 0
        ordered = (codes if by_channel else codes.T).astype(kind)
        reply = {
            "read_array": np.ascontiguousarray(ordered).ravel(),
            "samps_per_chan_read": codes.shape[1],
        }
        return record.replied(reply)

    def _codes(
        self, task: VirtualTask, request: Any, alive: Alive
    ) -> tuple[NDArray[np.int32], Record]:
        """Return codes `[channel, sample]`, and the record that they come from."""
        wait = Wait(request.timeout, alive)
        record = read_samples(self._driver, task, request.num_samps_per_chan, wait)
        boards = [self._driver.chassis.boards[place.device] for place in task.lines]
        steps = np.array([[board.step_V] for board in boards])
        last = np.array([[2 ** (board.bits - 1)] for board in boards])
        codes = np.clip(np.rint(record.samples / steps), -last, last - 1)
        return codes.astype(np.int32), record


TIMING, PROPERTIES = 1, 2
"""Bits of the request's `waveform_attribute_mode`."""
SINCE_1904_S = 2_082_844_800
"""NI's epoch is 1904, that of Unix 1970."""


class WaveformRpcs:
    """Reads and writes waveforms of analog and digital channels, one per channel."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def ReadAnalogWaveforms(self, request: Any, alive: Alive) -> Reply:
        """Read volts with their timing."""
        task = reader(self._driver, request, Kind.AI)
        record, timing = self._read(task, request, alive)
        waveforms = [
            {
                **timing,
                "y_data": row,
                "attributes": _properties(
                    request, {"NI_ChannelName": channel.name, "NI_UnitDescription": "Volts"}
                ),
            }
            for channel, row in zip(task.channels, record.samples, strict=True)
        ]
        return _read_reply(waveforms, record)

    def ReadDigitalWaveforms(self, request: Any, alive: Alive) -> Reply:
        """Read lines with their timing; as in NI-DAQmx, the last column is the first line."""
        task = reader(self._driver, request, Kind.DI)
        record, timing = self._read(task, request, alive)
        waveforms: list[Mapping[str, Any]] = []
        start = 0
        for channel in task.channels:
            count = len(channel.places)
            bits = record.samples[start : start + count] > 0.5
            start += count
            names = ", ".join(place.name for place in reversed(channel.places))
            waveforms.append(
                {
                    **timing,
                    "signal_count": count,
                    "y_data": bits[::-1].T.astype(np.uint8).tobytes(),
                    "attributes": _properties(
                        request, {"NI_ChannelName": channel.name, "NI_LineNames": names}
                    ),
                }
            )
        return _read_reply(waveforms, record)

    def WriteAnalogWaveforms(self, request: Any, alive: Alive) -> Reply:
        """Write volts; the timing is that of the task, not of the waveforms."""
        task = writer(self._driver, request, Kind.AO)
        rows = [np.asarray(waveform.y_data, np.float64) for waveform in request.waveforms]
        return self._write(task, _stacked(task, [row[np.newaxis] for row in rows]), request, alive)

    def WriteDigitalWaveforms(self, request: Any, alive: Alive) -> Reply:
        """Write lines; the last column is the first line."""
        task = writer(self._driver, request, Kind.DO)
        parts: list[FloatArray] = []
        for waveform, channel in zip(request.waveforms, task.channels, strict=False):
            if waveform.signal_count != len(channel.places):
                raise _mismatch(task, len(channel.places), waveform.signal_count, "Lines")
            bits = np.frombuffer(waveform.y_data, np.uint8).reshape(-1, waveform.signal_count)
            parts.append(np.minimum(bits.T[::-1], 1).astype(np.float64))
        return self._write(task, _stacked(task, parts), request, alive)

    def _read(
        self, task: VirtualTask, request: Any, alive: Alive
    ) -> tuple[Record, Mapping[str, Any]]:
        """Return the samples, and the timing of their waveforms where it is requested."""
        wait = Wait(request.timeout, alive)
        record = read_samples(self._driver, task, request.num_samps_per_chan, wait)
        if not raw(request, "waveform_attribute_mode") & TIMING:
            return record, {}
        clock = self._driver.engine.clock
        tick = clock.now if record.tick is None else record.tick
        seconds = clock.began_s + tick / clock.hz + SINCE_1904_S
        timing: dict[str, Any] = {
            "t0": {
                "seconds": int(seconds),
                "fractional_seconds": int((seconds - int(seconds)) * 2**64),
            }
        }
        if task.timing.clocked:
            timing["dt"] = 1 / task.timing.true_rate_hz
        return record, timing

    def _write(self, task: VirtualTask, samples: FloatArray, request: Any, alive: Alive) -> Reply:
        wait = Wait(request.timeout, alive)
        written = write_samples(self._driver, task, samples, request.auto_start, wait)
        return {"samps_per_chan_written": written}


def _read_reply(waveforms: Sequence[Mapping[str, Any]], record: Record) -> Reply:
    count = record.samples.shape[1]
    return record.replied({"waveforms": waveforms, "samps_per_chan_read": count})


def _properties(request: Any, texts: Mapping[str, str]) -> Mapping[str, Any]:
    if not raw(request, "waveform_attribute_mode") & PROPERTIES:
        return {}
    return {name: {"string_value": text} for name, text in texts.items()}


def _stacked(task: VirtualTask, parts: list[FloatArray]) -> FloatArray:
    if len(parts) != len(task.channels) or len({part.shape[1] for part in parts}) != 1:
        raise _mismatch(task, len(task.channels), len(parts), "Channels")
    return np.concatenate(parts)


def _mismatch(task: VirtualTask, wanted: int, found: int, what: str) -> DaqFault:
    return DaqFault(
        DAQmxErrors.WRITE_NUM_CHANS_MISMATCH,
        "Write cannot be performed, because the waveforms do not match the task, or differ in "
        f"length.\n\nNumber of {what} in Task: {wanted}\nNumber of {what} in the Data: {found}"
        f"\n\nTask Name: {task.name}",
    )


@dataclass(frozen=True)
class Wait:
    """How long a call waits: `timeout` seconds (negative: forever), while its caller is `alive`."""

    timeout: float
    alive: Alive


@dataclass(frozen=True)
class Record:
    """Samples `[line, sample]` from one read.

    `tick` is when the first was acquired, None without a clock. `fault` is the error because of
    which fewer samples came than were requested.
    """

    samples: Volts
    tick: int | None = None
    fault: DaqFault | None = None

    def replied(self, reply: Reply) -> Reply:
        """Return `reply` with the status of the read."""
        return reply if self.fault is None else {**reply, "status": self.fault.code}


def read_samples(driver: Driver, task: VirtualTask, count: int, wait: Wait) -> Record:
    """Read `count` samples of a task, or all of them for -1.

    A task that does not run is started: for this call if it has no clock, until its last sample
    was read if it is finite, and for good if it is continuous.

    Raises:
        DaqFault: the task cannot run, or samples were lost.
    """
    if task.logging.takes_all:
        raise DaqFault(
            DAQmxErrors.READ_NOT_SUPPORTED_FOR_LOGGING_MODE,
            "Read cannot be performed when the logging mode is Log; choose Log and Read."
            f"\n\nTask Name: {task.name}",
        )
    if not task.is_running:
        driver.start(task, by_call=True)
    if not task.timing.clocked:
        try:
            if task.fault is not None:
                raise task.fault
            driver.engine.sync()
            return Record(driver.engine.plant.read(task.names, max(count, 1)))
        finally:
            if task.started_by_call:
                driver.stop(task)
    try:
        return _read_buffered(driver, task, count, wait)
    finally:
        # As in NI-DAQmx, a read that started a finite task stops it after the last sample.
        buffer = task.incoming
        over = buffer is not None and task.ends and buffer.read >= task.timing.samples
        if task.started_by_call and (over or task.fault is not None):
            driver.stop(task)


def _read_buffered(driver: Driver, task: VirtualTask, count: int, wait: Wait) -> Record:
    buffer = task.incoming
    assert buffer is not None
    engine, timing = driver.engine, task.timing
    if count == ALL:
        engine.sync()
        count = timing.samples - buffer.read if task.ends else buffer.available
    if task.ends and buffer.read + count > timing.samples:
        left = timing.samples - buffer.read
        record = Record(np.empty((len(task.names), 0)))
        if left:
            record = _read_buffered(driver, task, left, wait)
        if record.fault is None:
            fault = DaqFault(
                DAQmxErrors.SAMPLES_WILL_NEVER_BE_AVAILABLE,
                "Attempted to read a sample beyond the final sample acquired. The acquisition has "
                "stopped, therefore the sample specified by the combination of position and "
                f"offset will never be available.\n\nTask Name: {task.name}",
                read=left,
            )
            record = replace(record, fault=fault)
        return record

    def ready() -> bool:
        gone = task.incoming is not buffer
        return gone or task.fault is not None or buffer.available >= count

    def when() -> int | None:
        if not task.is_ticking:
            return None
        missing = count - buffer.available + max(task.skip - task.position, 0)
        return task.next_tick + (missing - 1) * timing.period

    engine.wait(ready, when, wait.timeout, wait.alive)
    if task.incoming is not buffer:
        raise aborted(task.name, read=0)
    if task.fault is not None:
        raise task.fault
    tick = buffer.tick
    if buffer.available >= count:
        return Record(buffer.take(count), tick)
    fault = DaqFault(
        DAQmxErrors.SAMPLES_NOT_YET_AVAILABLE,
        "Some or all of the samples requested have not yet been acquired.\n\nTo wait for the "
        "samples to become available use a longer read timeout or read later in your program. To "
        "make the samples available sooner, increase the sample rate. If your task uses a start "
        "trigger, make sure that your start trigger is configured correctly. It is also possible "
        "that you configured the task for external timing, and no clock was supplied.\n\n"
        f"Task Name: {task.name}",
        read=buffer.available,
    )
    return Record(buffer.take(buffer.available), tick, fault)


def write_samples(
    driver: Driver, task: VirtualTask, samples: Volts, start: bool, wait: Wait
) -> int:
    """Write `samples` `[line, sample]`, and return how many per line were written.

    Raises:
        DaqFault: volts beyond a channel's range, no room in time, or a task that cannot run.
    """
    _check_range(task, samples)
    _check_watchdogs(driver, task)
    if task.timing.clocked:
        return _write_buffered(driver, task, samples, start, wait)
    started = not task.is_running
    if started and not start:
        raise DaqFault(
            DAQmxErrors.CANNOT_WRITE_WHEN_AUTO_START_FALSE_AND_TASK_NOT_RUNNING,
            "Write failed, because on-demand tasks must run before they can be written to.\n\n"
            f"Start the task, or set auto start to true.\n\nTask Name: {task.name}",
            written=0,
        )
    if started:
        driver.start(task, by_call=True)
    if task.fault is not None:
        raise task.fault
    driver.engine.sync()
    for sample in samples.T.tolist():
        driver.engine.plant.set_levels(dict(zip(task.names, sample, strict=True)))
    if started:
        driver.stop(task)
    return samples.shape[1]


def _write_buffered(
    driver: Driver, task: VirtualTask, samples: Volts, start: bool, wait: Wait
) -> int:
    count = samples.shape[1]
    # As in NI-DAQmx, a write to a buffer commits the task.
    driver.commit(task)
    if task.outgoing is None or _is_replaced(task, task.outgoing, count):
        task.outgoing = new_output_buffer(task, count)
    buffer = task.outgoing
    if not task.is_running and buffer.written >= buffer.size:
        buffer.written = 0
    done = 0
    # Write portions of half a buffer as soon as they fit, so that the buffer does not run dry.
    portion = max(buffer.size // 2, 1)
    deadline = driver.engine.clock.now + int(max(wait.timeout, 0.0) * TIMEBASE_HZ)
    while done < count:
        if wait.timeout >= 0:
            left = max(deadline - driver.engine.clock.now, 0) / TIMEBASE_HZ
            wait = replace(wait, timeout=left)
        room = _room(driver, task, min(count - done, portion), wait)
        if not room:
            if task.fault is not None:
                raise task.fault
            raise DaqFault(
                DAQmxErrors.SAMPLES_CAN_NOT_YET_BE_WRITTEN,
                "Some or all of the samples to write could not be written to the buffer yet. More "
                "space will free up as samples currently in the buffer are generated.\n\nTo wait "
                "for space to become available, use a longer write timeout, or write less or "
                f"later.\n\nTask Name: {task.name}",
                written=done,
            )
        part = samples[:, done : done + room]
        buffer.put(part)
        done += part.shape[1]
    if start and not task.is_running:
        driver.start(task)
    return done


def _room(driver: Driver, task: VirtualTask, wanted: int, wait: Wait) -> int:
    buffer = task.outgoing
    assert buffer is not None

    def space() -> int:
        return buffer.space(task.position if task.is_running else 0, task.regenerates)

    def when() -> int | None:
        if not task.is_ticking:
            return None
        return task.next_tick + (wanted - space()) * task.timing.period

    if not task.is_running:
        return space()

    def ready() -> bool:
        return not task.is_running or task.fault is not None or space() >= wanted

    driver.engine.wait(ready, when, wait.timeout, wait.alive)
    if not task.is_running:
        raise aborted(task.name, written=0)
    return 0 if task.fault is not None else space()


def _check_range(task: VirtualTask, samples: Volts) -> None:
    if task.kind is not Kind.AO:
        return
    for channel, row in zip(task.channels, samples, strict=True):
        low, high = float(row.min()), float(row.max())
        # NaN fails both comparisons.
        if not (low >= channel.low and high <= channel.high):
            value = high if not high <= channel.high else low
            raise DaqFault(
                DAQmxErrors.INVALID_AO_DATA_WRITE,
                "Attempted writing analog data that is too large or too small.\n\nProperty: "
                f"DAQmx_AO_Max, DAQmx_AO_Min\nData Value: {value:g}\nMinimum Value: "
                f"{channel.low:g}\nMaximum Value: {channel.high:g}\n\nChannel Name: "
                f"{channel.name}\n\nTask Name: {task.name}",
                written=0,
            )


def _check_watchdogs(driver: Driver, task: VirtualTask) -> None:
    for watchdog in driver.watchdogs.values():
        if watchdog.expired and watchdog.device in task.devices:
            raise DaqFault(
                DAQmxErrors.WRITE_FAILED_BECAUSE_WATCHDOG_EXPIRED,
                "Write failed because the watchdog timer has expired.\n\nClear the expiration "
                f"first.\n\nDevice: {watchdog.device}\n\nTask Name: {task.name}",
                written=0,
            )


def _is_replaced(task: VirtualTask, buffer: OutputBuffer, count: int) -> bool:
    """Return whether a write replaces the buffer: it sets the size until the task first runs."""
    full = buffer.written >= buffer.size
    return not task.is_running and task.output_size is None and buffer.size != count and full
