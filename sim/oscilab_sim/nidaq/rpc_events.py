"""RPCs that stream events: every N samples, and done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nidaqmx.constants import EveryNSamplesEventType

from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.tasks import VirtualTask

LOOK_S = 0.1


class EventRpcs:
    """Each method yields replies for as long as the caller listens and the task is there."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._stopped: set[tuple[str, int]] = set()

    def RegisterEveryNSamplesEvent(self, request: Any, alive: Alive) -> Iterator[Reply]:
        """One reply each time that so many samples were acquired or generated."""
        with self._driver.engine.turn:
            task = self._driver.task(request.task.name)
        kind, every = raw(request, "every_n_samples_event_type"), request.n_samples
        key = (task.name, kind)
        self._stopped.discard(key)
        told = 0
        reply = {"every_n_samples_event_type_raw": kind, "n_samples": every}
        while self._listens(task, key, alive):
            with self._driver.engine.turn:
                self._driver.engine.turn.wait(LOOK_S)
                count = _count(task, kind) // every
                # A task that was started again counts from the start.
                told = min(told, count)
                missing, told = count - told, count
            for _ in range(missing):
                yield reply

    def RegisterDoneEvent(self, request: Any, alive: Alive) -> Iterator[Reply]:
        """One reply each time that the task ends by itself."""
        with self._driver.engine.turn:
            task = self._driver.task(request.task.name)
        key = (task.name, 0)
        self._stopped.discard(key)
        was_running = False
        while self._listens(task, key, alive):
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

    def UnregisterDoneEvent(self, request: Any, alive: Alive) -> Reply:
        """End the stream."""
        self._stopped.add((request.task.name, 0))
        return {}

    def _listens(self, task: VirtualTask, key: tuple[str, int], alive: Alive) -> bool:
        return alive() and self._driver.tasks.get(task.name) is task and key not in self._stopped


def _count(task: VirtualTask, kind: int) -> int:
    if not task.is_running:
        return 0
    if kind == EveryNSamplesEventType.ACQUIRED_INTO_BUFFER.value:
        return task.incoming.taken if task.incoming is not None else 0
    return task.position
