"""Writing samples: at once where no clock runs, into the buffer where one does."""

from __future__ import annotations

from nidaqmx.error_codes import DAQmxErrors

from oscilab.types import Volts
from oscilab_sim.nidaq.buffers import OutputBuffer
from oscilab_sim.nidaq.calls import Alive
from oscilab_sim.nidaq.clock import TIMEBASE_HZ
from oscilab_sim.nidaq.driver import Driver, new_output_buffer
from oscilab_sim.nidaq.faults import DaqFault, aborted
from oscilab_sim.nidaq.tasks import Kind, VirtualTask


def write_samples(
    driver: Driver, task: VirtualTask, samples: Volts, start: bool, timeout: float, alive: Alive
) -> int:
    """Write `samples` `[line, sample]`; how many of them per line were taken.

    Raises:
        DaqFault: volts beyond a channel's range, no room in time, or a task that cannot run.
    """
    _check_range(task, samples)
    _check_watchdogs(driver, task)
    if task.timing.clocked:
        return _buffered(driver, task, samples, start, timeout, alive)
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


def _buffered(
    driver: Driver, task: VirtualTask, samples: Volts, start: bool, timeout: float, alive: Alive
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
    # As much as half a buffer goes in as soon as it fits: to wait for more would let it run dry.
    portion = max(buffer.size // 2, 1)
    deadline = driver.engine.clock.now + int(max(timeout, 0.0) * TIMEBASE_HZ)
    while done < count:
        left = max(deadline - driver.engine.clock.now, 0) / TIMEBASE_HZ if timeout >= 0 else -1.0
        room = _room(driver, task, min(count - done, portion), left, alive)
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


def _room(driver: Driver, task: VirtualTask, wanted: int, timeout: float, alive: Alive) -> int:
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

    driver.engine.wait(ready, when, timeout, alive)
    if not task.is_running:
        raise aborted(task.name, written=0)
    return 0 if task.fault is not None else space()


def _check_range(task: VirtualTask, samples: Volts) -> None:
    if task.kind is not Kind.AO:
        return
    for channel, row in zip(task.channels, samples, strict=True):
        low, high = float(row.min()), float(row.max())
        # NaN makes both comparisons false.
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
    """Until a task runs, the last write decides how large a buffer is that nobody configured."""
    full = buffer.written >= buffer.size
    return not task.is_running and task.output_size is None and buffer.size != count and full
