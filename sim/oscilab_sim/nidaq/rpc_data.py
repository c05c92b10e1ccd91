"""RPCs that read and write samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from nidaqmx.error_codes import DAQmxErrors
from numpy.typing import NDArray

from oscilab.types import FloatArray
from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.reading import read_samples
from oscilab_sim.nidaq.tasks import Kind, VirtualTask
from oscilab_sim.nidaq.writing import write_samples

ALL = -1


class DataRpcs:
    """Samples in and out, in volts and as lines and ports."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def ReadAnalogF64(self, request: Any, alive: Alive) -> Reply:
        """Volts, by channel or by sample."""
        task = reader(self._driver, request, Kind.AI)
        return self._read(task, request, alive, lambda volts: volts)

    def ReadAnalogScalarF64(self, request: Any, alive: Alive) -> Reply:
        """One voltage."""
        task = reader(self._driver, request, Kind.AI)
        samples, fault = read_samples(self._driver, task, 1, request.timeout, alive)
        if fault is not None:
            raise fault
        return {"value": float(samples[0, 0])}

    def ReadDigitalLines(self, request: Any, alive: Alive) -> Reply:
        """A byte a line."""
        task = reader(self._driver, request, Kind.DI)
        reply = dict(self._read(task, request, alive, _as_bytes, lines=True))
        reply["num_bytes_per_samp"] = max(len(channel.places) for channel in task.channels)
        return reply

    def ReadDigitalU32(self, request: Any, alive: Alive) -> Reply:
        """A number a channel, bit n being its line n."""
        task = reader(self._driver, request, Kind.DI)
        return self._read(task, request, alive, lambda bits: _packed(task, bits))

    def ReadDigitalScalarU32(self, request: Any, alive: Alive) -> Reply:
        """One number."""
        task = reader(self._driver, request, Kind.DI)
        samples, fault = read_samples(self._driver, task, 1, request.timeout, alive)
        if fault is not None:
            raise fault
        return {"value": int(_packed(task, samples)[0, 0])}

    def WriteAnalogF64(self, request: Any, alive: Alive) -> Reply:
        """Volts, by channel or by sample."""
        task = writer(self._driver, request, Kind.AO)
        volts = np.asarray(request.write_array, np.float64)
        samples = _shaped(task, volts, len(task.channels), request)
        return self._write(task, samples, request, alive)

    def WriteAnalogScalarF64(self, request: Any, alive: Alive) -> Reply:
        """One voltage."""
        task = writer(self._driver, request, Kind.AO)
        return self._write(task, np.array([[request.value]]), request, alive, scalar=True)

    def WriteDigitalLines(self, request: Any, alive: Alive) -> Reply:
        """A byte a line."""
        task = writer(self._driver, request, Kind.DO)
        bits = np.frombuffer(request.write_array, np.uint8).astype(np.float64)
        samples = _shaped(task, bits, len(task.names), request, lines=True)
        return self._write(task, np.minimum(samples, 1.0), request, alive)

    def WriteDigitalU32(self, request: Any, alive: Alive) -> Reply:
        """A number a channel."""
        task = writer(self._driver, request, Kind.DO)
        numbers = np.asarray(request.write_array, np.uint32)
        samples = _unpacked(task, _shaped(task, numbers, len(task.channels), request))
        return self._write(task, samples, request, alive)

    def WriteDigitalScalarU32(self, request: Any, alive: Alive) -> Reply:
        """One number."""
        task = writer(self._driver, request, Kind.DO)
        samples = _unpacked(task, np.array([[request.value]], np.uint32))
        return self._write(task, samples, request, alive, scalar=True)

    def _read(
        self,
        task: VirtualTask,
        request: Any,
        alive: Alive,
        convert: Callable[[FloatArray], NDArray[Any]],
        lines: bool = False,
    ) -> Reply:
        samples, fault = read_samples(
            self._driver, task, request.num_samps_per_chan, request.timeout, alive
        )
        found = convert(samples)
        by_channel = raw(request, "fill_mode") == 0
        ordered = found if by_channel else found.T
        array = ordered.tobytes() if lines else np.ascontiguousarray(ordered).ravel()
        reply = {"read_array": array, "samps_per_chan_read": samples.shape[1]}
        return reply if fault is None else {**reply, "status": fault.code}

    def _write(
        self,
        task: VirtualTask,
        samples: FloatArray,
        request: Any,
        alive: Alive,
        scalar: bool = False,
    ) -> Reply:
        written = write_samples(
            self._driver, task, samples, request.auto_start, request.timeout, alive
        )
        return {} if scalar else {"samps_per_chan_written": written}


def reader(driver: Driver, request: Any, *kinds: Kind) -> VirtualTask:
    """The task of a request that reads channels of one of `kinds`.

    Raises:
        DaqFault: it has no such channels.
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
    """The task of a request that writes to channels of `kind`.

    Raises:
        DaqFault: it has no such channels.
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
