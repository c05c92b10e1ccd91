"""NI's task state model: which task may start, when it begins, and what it holds meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from nidaqmx.constants import OverwriteMode
from nidaqmx.error_codes import DAQmxErrors

from oscilab_nidaq.boards import line_names, output_names
from oscilab_sim.nidaq.buffers import InputBuffer, OutputBuffer
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.checks import (
    check_clock,
    check_logging,
    check_output_buffer,
    check_present,
    check_resources,
    check_retriggering,
    gone,
)
from oscilab_sim.nidaq.clock import Clock
from oscilab_sim.nidaq.engine import Engine
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.logging_files import LogFile
from oscilab_sim.nidaq.plant import Plant
from oscilab_sim.nidaq.tasks import State, VirtualTask
from oscilab_sim.nidaq.triggers import Triggers
from oscilab_sim.nidaq.watchdogs import Watchdog


class Driver:
    """All tasks of a server; every method wants the engine's turn.

    `pulses` maps terminals to the seconds after which a pulse comes there once a task waits for
    it, `clocks` maps terminals to the rate of the clock that is plugged in.
    """

    def __init__(
        self,
        chassis: Chassis,
        plant: Plant,
        clock: Clock,
        pulses: Mapping[str, float] | None = None,
        clocks: Mapping[str, float] | None = None,
    ) -> None:
        self.chassis = chassis
        self.engine = Engine(plant, clock)
        self.tasks: dict[str, VirtualTask] = {}
        self.watchdogs: dict[str, Watchdog] = {}
        self.triggers = Triggers(chassis, self.engine, pulses or {}, clocks or {})
        self._numbers = itertools.count()

    def create(self, name: str) -> VirtualTask:
        """A new task; without a name it gets one.

        Raises:
            DaqFault: there is one of that name.
        """
        name = name or f"_unnamedTask<{next(self._numbers)}>"
        if name in self.tasks or name in self.watchdogs:
            raise DaqFault(
                DAQmxErrors.DUPLICATE_TASK,
                f"Task name conflicts with an existing task name.\n\nTask Name: {name}",
            )
        self.tasks[name] = VirtualTask(name)
        return self.tasks[name]

    def task(self, name: str) -> VirtualTask:
        """The task of that name.

        Raises:
            DaqFault: there is none.
        """
        if name not in self.tasks:
            raise DaqFault(
                DAQmxErrors.INVALID_TASK,
                f"Task specified is invalid or does not exist.\n\nTask Name: {name}",
            )
        return self.tasks[name]

    def clear_all(self) -> None:
        """Forget every task and watchdog, as when nobody was ever there; outputs hold."""
        for name in [*self.watchdogs, *self.tasks]:
            self.clear(name)

    def clear(self, name: str) -> None:
        """Stop a task or a watchdog, and forget it."""
        if self.watchdogs.pop(name, None) is None:
            task = self.task(name)
            self.stop(task)
            self.unreserve(task)
            del self.tasks[name]

    def pull(self, device: str) -> None:
        """Pull a device out of the chassis while it runs; what plays on it fails.

        Its outputs, as those of a board without power, are at zero volts.

        Raises:
            DaqFault: there is none of that name.
        """
        device, board = self.chassis.device(device)
        self.engine.sync()
        self.chassis.pulled.add(device)
        for task in self.tasks.values():
            if device in task.devices and task.is_running:
                task.fault = gone(device, task)
        names = [*output_names(device, board), *line_names(device, board)]
        self.engine.plant.set_levels(dict.fromkeys(names, 0.0))
        self.engine.turn.notify_all()

    def plug_in(self, device: str) -> None:
        """Put a device that was pulled out back; its tasks have to be started again."""
        self.chassis.pulled.discard(device)

    def verify(self, task: VirtualTask) -> None:
        """Check what was configured.

        Raises:
            DaqFault: it cannot work.
        """
        if not task.channels or task.kind is None:
            raise DaqFault(
                DAQmxErrors.CAN_NOT_PERFORM_OP_WHEN_NO_CHANS_IN_TASK,
                "Specified operation cannot be performed when there are no channels in the task."
                f"\n\nTask Name: {task.name}",
            )
        if task.timing.clocked:
            check_clock(task, self.chassis)
        check_present(task, self.chassis)
        check_retriggering(task)
        check_logging(task)
        task.state = max(task.state, State.VERIFIED)

    def reserve(self, task: VirtualTask) -> None:
        """Take hold of its converters and lines.

        Raises:
            DaqFault: another task has them.
        """
        self.verify(task)
        if task.state < State.RESERVED:
            check_resources(task, self.tasks.values())
        task.state = max(task.state, State.RESERVED)

    def commit(self, task: VirtualTask) -> None:
        """Program the hardware."""
        self.reserve(task)
        task.state = max(task.state, State.COMMITTED)

    def unreserve(self, task: VirtualTask) -> None:
        """Let go of what it holds; the output buffer is empty then."""
        self.stop(task)
        task.state = min(task.state, State.VERIFIED)
        task.outgoing = new_output_buffer(task, task.output_size) if task.output_size else None

    def start(self, task: VirtualTask, by_call: bool = False) -> None:
        """Run a task, or arm it where it waits for a trigger or another task's clock.

        Raises:
            DaqFault: it cannot run.
        """
        if task.is_running:
            raise DaqFault(
                DAQmxErrors.CAN_NOT_PERFORM_OP_WHILE_TASK_RUNNING,
                "Specified operation cannot be performed while the task is running.\n\nTask Name: "
                f"{task.name}",
            )
        self.engine.sync()
        task.before = held = task.state
        self.commit(task)
        task.started_by_call = by_call
        task.position, task.fault, task.begin, task.skip = 0, None, None, 0
        task.clock_owner, task.is_triggered = None, False
        if task.timing.clocked:
            try:
                self._prepare(task)
            except DaqFault:
                task.state = held
                raise
        task.state = State.RUNNING
        if task.timing.clocked:
            self.engine.running.append(task)
            self.triggers.arm(task, self.engine.clock.now)

    def stop(self, task: VirtualTask) -> None:
        """Stop a task; its outputs hold, and samples that were not read are gone."""
        if not task.is_running:
            return
        self.engine.sync()
        if task in self.engine.running:
            self.engine.settle(task)
            self.engine.running.remove(task)
        for other in self.engine.running:
            if other.clock_owner is task:
                other.begin = None
        task.state = max(task.before, State.VERIFIED)
        task.begin = None
        task.incoming = None
        if task.log is not None:
            task.log.close()
            task.log = None
        if task.outgoing is not None:
            # What was written is played again; positions count from the next start.
            task.outgoing.written = min(task.outgoing.written, task.outgoing.size)
        self.engine.turn.notify_all()

    def _prepare(self, task: VirtualTask) -> None:
        self.triggers.set_external_rate(task)
        if task.kind_is_output():
            check_output_buffer(task)
        else:
            overwrites = task.overwrite == OverwriteMode.OVERWRITE_UNREAD_SAMPLES.value
            task.incoming = InputBuffer(
                len(task.names), task.buffer_size(), overwrites, task.timing.period
            )
        if task.logging.is_on:
            task.log = LogFile(task.logging, task.name, task.names, 1 / task.timing.true_rate_hz)


def new_output_buffer(task: VirtualTask, samples: int) -> OutputBuffer:
    """The buffer that a first write of `samples` makes, unless one was configured."""
    return OutputBuffer(len(task.names), task.output_size or samples)
