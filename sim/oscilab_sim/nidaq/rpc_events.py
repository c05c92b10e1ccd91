"""RPCs that stream events: every N samples, every sample, and done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nidaqmx.constants import Signal
from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.tasks import VirtualTask

LOOK_S = 0.1
SAMPLE_SIGNALS = (Signal.SAMPLE_CLOCK.value, Signal.SAMPLE_COMPLETE.value)


class EventRpcs:
    """`Register...` gives replies for as long as the caller listens and the task is there."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._stopped: set[tuple[str, int]] = set()

    def RegisterEveryNSamplesEvent(self, request: Any, alive: Alive) -> Iterator[Reply]:
        """One reply each time that so many samples were acquired or generated."""
        kind, every = raw(request, "every_n_samples_event_type"), request.n_samples
        reply = {"every_n_samples_event_type_raw": kind, "n_samples": every}
        return self._counted(request.task.name, kind, every, reply, alive)

    def RegisterSignalEvent(self, request: Any, alive: Alive) -> Iterator[Reply]:
        """One reply for every sample."""
        signal = raw(request, "signal_id")
        if signal not in SAMPLE_SIGNALS:
            raise DaqFault(
                DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
                "The virtual NI-DAQmx tells of the signals sample clock and sample complete only, "
                f"not of {signal}.\n\nTask Name: {request.task.name}",
            )
        return self._counted(request.task.name, signal, 1, {"signal_id": signal}, alive)

    def _counted(
        self, name: str, kind: int, every: int, reply: Reply, alive: Alive
    ) -> Iterator[Reply]:
        with self._driver.engine.turn:
            task = self._driver.task(name)
        self._stopped.discard((name, kind))
        return self._counting(task, kind, every, reply, alive)

    def _counting(
        self, task: VirtualTask, kind: int, every: int, reply: Reply, alive: Alive
    ) -> Iterator[Reply]:
        told = 0
        while self._listens(task, (task.name, kind), alive):
            with self._driver.engine.turn:
                self._driver.engine.turn.wait(LOOK_S)
                count = _count(task) // every
                # A task that was started again counts from the start.
                told = min(told, count)
                missing, told = count - told, count
            for _ in range(missing):
                yield reply

    def RegisterDoneEvent(self, request: Any, alive: Alive) -> Iterator[Reply]:
        """One reply each time that the task ends by itself."""
        with self._driver.engine.turn:
            task = self._driver.task(request.task.name)
        self._stopped.discard((task.name, 0))
        return self._ending(task, alive)

    def _ending(self, task: VirtualTask, alive: Alive) -> Iterator[Reply]:
        was_running = False
        while self._listens(task, (task.name, 0), alive):
            with self._driver.engine.turn:
                self._driver.engine.turn.wait(LOOK_S)
                running = task.is_running and not task.is_done
                ended = was_running and task.is_running and task.is_done
                was_running = running
                status = 0 if task.fault is None else task.fault.code
            if ended:
                yield {"status": status}

    def UnregisterEveryNSamplesEvent(self, request: Any, alive: Alive) -> Reply:
        """End the stream."""
        self._stopped.add((request.task.name, raw(request, "every_n_samples_event_type")))
        return {}

    def UnregisterSignalEvent(self, request: Any, alive: Alive) -> Reply:
        """End the stream."""
        self._stopped.add((request.task.name, raw(request, "signal_id")))
        return {}

    def UnregisterDoneEvent(self, request: Any, alive: Alive) -> Reply:
        """End the stream."""
        self._stopped.add((request.task.name, 0))
        return {}

    def _listens(self, task: VirtualTask, key: tuple[str, int], alive: Alive) -> bool:
        return alive() and self._driver.tasks.get(task.name) is task and key not in self._stopped


def _count(task: VirtualTask) -> int:
    """Samples acquired or generated since the start."""
    if not task.is_running:
        return 0
    if not task.kind_is_output():
        return task.incoming.taken if task.incoming is not None else 0
    return task.position
