"""Reading samples: at once where no clock runs, from the buffer where one does."""

from __future__ import annotations

import numpy as np
from nidaqmx.error_codes import DAQmxErrors

from oscilab.types import Volts
from oscilab_sim.nidaq.calls import Alive
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.faults import DaqFault, aborted
from oscilab_sim.nidaq.tasks import VirtualTask

ALL = -1


def read_samples(
    driver: Driver,
    task: VirtualTask,
    count: int,
    timeout: float,
    alive: Alive,
    first: list[int | None] | None = None,
) -> tuple[Volts, DaqFault | None]:
    """`count` samples `[line, sample]` (or all, -1), and what kept the rest from coming.

    A task that does not run is started: without a clock for this call alone, with one until its
    last sample was read, or for good if it is continuous. Where a list `first` is given, the
    tick at which the first of the samples was taken is appended to it.

    Raises:
        DaqFault: it cannot run, or samples were lost.
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
            return driver.engine.plant.read(task.names, max(count, 1)), None
        finally:
            if task.started_by_call:
                driver.stop(task)
    try:
        return _buffered(driver, task, count, timeout, alive, first)
    finally:
        # As in NI-DAQmx, a read that starts a finite task also stops it after its last sample.
        buffer = task.incoming
        over = buffer is not None and task.ends and buffer.read >= task.timing.samples
        if task.started_by_call and (over or task.fault is not None):
            driver.stop(task)


def _buffered(
    driver: Driver,
    task: VirtualTask,
    count: int,
    timeout: float,
    alive: Alive,
    first: list[int | None] | None,
) -> tuple[Volts, DaqFault | None]:
    buffer = task.incoming
    assert buffer is not None
    engine, timing = driver.engine, task.timing
    if count == ALL:
        engine.sync()
        count = timing.samples - buffer.read if task.ends else buffer.available
    if task.ends and buffer.read + count > timing.samples:
        left = timing.samples - buffer.read
        samples, fault = (
            _buffered(driver, task, left, timeout, alive, first) if left else (None, None)
        )
        if fault is None:
            fault = DaqFault(
                DAQmxErrors.SAMPLES_WILL_NEVER_BE_AVAILABLE,
                "Attempted to read a sample beyond the final sample acquired. The acquisition has "
                "stopped, therefore the sample specified by the combination of position and "
                f"offset will never be available.\n\nTask Name: {task.name}",
                read=left,
            )
        return np.empty((len(task.names), 0)) if samples is None else samples, fault

    def ready() -> bool:
        gone = task.incoming is not buffer
        return gone or task.fault is not None or buffer.available >= count

    def when() -> int | None:
        if not task.is_ticking:
            return None
        missing = count - buffer.available + max(task.skip - task.position, 0)
        return task.next_tick + (missing - 1) * timing.period

    engine.wait(ready, when, timeout, alive)
    if task.incoming is not buffer:
        raise aborted(task.name, read=0)
    if task.fault is not None:
        raise task.fault
    if first is not None:
        first.append(buffer.tick)
    if buffer.available >= count:
        return buffer.take(count), None
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
    return buffer.take(buffer.available), fault
