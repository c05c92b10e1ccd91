"""NI's task state model: which task may start, when it begins, and what it holds meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from nidaqmx.constants import AcquisitionType
from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.buffers import InputBuffer, OutputBuffer
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.checks import check_clock, check_output_buffer, check_resources
from oscilab_sim.nidaq.clock import TIMEBASE_HZ, Clock, divided
from oscilab_sim.nidaq.engine import Engine
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.plant import Plant
from oscilab_sim.nidaq.tasks import Kind, State, VirtualTask
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
        self.routes: dict[tuple[str, str], tuple[VirtualTask, str]] = {}
        self._pulses = {chassis.terminal(name, ""): after for name, after in (pulses or {}).items()}
        self._clocks = {chassis.terminal(name, ""): rate for name, rate in (clocks or {}).items()}
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
                "Task specified is invalid or does not exist.\n\n"
                f"Task Name: {name}",
            )
        return self.tasks[name]

    def clear(self, name: str) -> None:
        """Stop a task or a watchdog, and forget it."""
        if self.watchdogs.pop(name, None) is None:
            task = self.task(name)
            self.stop(task)
            self.unreserve(task)
            del self.tasks[name]

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
        task.clock_owner = None
        if task.timing.clocked:
            try:
                self._prepare(task)
            except DaqFault:
                task.state = held
                raise
        task.state = State.RUNNING
        if task.timing.clocked:
            self.engine.running.append(task)
            self._begin(task)

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
        if task.outgoing is not None:
            # What was written is played again; positions count from the next start.
            task.outgoing.written = min(task.outgoing.written, task.outgoing.size)
        self.engine.turn.notify_all()

    def pulse(self, terminal: str) -> None:
        """A rising edge at a terminal, such as `/Dev1/PFI0`: it starts the tasks that wait."""
        place = self.chassis.terminal(terminal, "")
        self.engine.sync()
        for task in list(self.engine.running):
            if task.begin is None and self._trigger_place(task) == place:
                self._run_from(task, self.engine.clock.now)

    def _prepare(self, task: VirtualTask) -> None:
        source = task.timing.source
        if source:
            place = self.chassis.terminal(source, task.devices[0])
            owner, signal = self._owner(place, "sampleclock")
            if owner is not None and owner is not task:
                task.clock_owner = owner
                task.timing.rate_hz = owner.timing.rate_hz
            elif place in self._clocks:
                task.timing.rate_hz = TIMEBASE_HZ / divided(self._clocks[place])
        if task.kind_is_output():
            check_output_buffer(task)
        else:
            overwrites = task.overwrite != 10159
            task.incoming = InputBuffer(len(task.names), task.buffer_size(), overwrites)

    def _begin(self, task: VirtualTask) -> None:
        """Decide when the first sample of a started task comes, where that is known."""
        now = self.engine.clock.now
        trigger = self._trigger_place(task)
        if trigger is not None:
            owner, _ = self._owner(trigger, "starttrigger")
            if trigger in self._pulses:
                self._run_from(task, now + int(self._pulses[trigger] * TIMEBASE_HZ))
            elif owner is not None and owner.begin is not None and owner.is_running:
                # The pulse has passed; only the next start will bring another.
                return
            return
        self._run_from(task, now)

    def _run_from(self, task: VirtualTask, tick: int) -> None:
        if not self._has_clock(task):
            return
        owner = task.clock_owner
        if owner is not None:
            if owner.begin is None:
                return
            period = owner.timing.period
            tick = owner.begin + max(0, -((owner.begin - tick) // period)) * period
        task.begin = tick
        self._set_reference(task, tick)
        for other in list(self.engine.running):
            if other.begin is None and other is not task:
                self._follow(other, task, tick)

    def _follow(self, other: VirtualTask, task: VirtualTask, tick: int) -> None:
        """Begin `other` if it waited for the start or the clock of `task`."""
        trigger = self._trigger_place(other)
        if trigger is not None:
            owner, _ = self._owner(trigger, "starttrigger")
            if owner is task:
                self._run_from(other, tick)
        elif other.clock_owner is task:
            self._run_from(other, tick)

    def _set_reference(self, task: VirtualTask, tick: int) -> None:
        reference = task.reference_trigger
        if reference.source is None or not task.timing.is_finite:
            return
        place = self.chassis.terminal(reference.source, task.devices[0])
        after = self._pulses.get(place)
        if after is None:
            # Pretrigger samples go round in the buffer until somebody pulses.
            task.skip = 1 << 61
            return
        at = max(reference.pretrigger, int(after * TIMEBASE_HZ / task.timing.period))
        task.skip = at - reference.pretrigger

    def _has_clock(self, task: VirtualTask) -> bool:
        source = task.timing.source
        if not source or task.clock_owner is not None:
            return True
        place = self.chassis.terminal(source, task.devices[0])
        return place in self._clocks or "onboardclock" in place[1] or place[1].endswith("timebase")

    def _trigger_place(self, task: VirtualTask) -> tuple[str, str] | None:
        if task.start_trigger.source is None:
            return None
        return self.chassis.terminal(task.start_trigger.source, task.devices[0])

    def _owner(
        self, place: tuple[str, str], signal: str
    ) -> tuple[VirtualTask | None, str]:
        """The task whose `signal` is at a terminal such as `("Dev1", "ai/sampleclock")`."""
        if place in self.routes:
            return self.routes[place]
        for task in self.tasks.values():
            if task.kind is not None and place[1] == f"{task.kind}/{signal}":
                if place[0] in task.devices and task.timing.clocked:
                    return task, signal
        return None, signal


def is_continuous(task: VirtualTask) -> bool:
    """Whether it goes on until it is stopped."""
    return task.timing.mode == AcquisitionType.CONTINUOUS.value


def new_output_buffer(task: VirtualTask, samples: int) -> OutputBuffer:
    """The buffer that a first write of `samples` makes, unless one was configured."""
    return OutputBuffer(len(task.names), task.output_size or samples)


DIGITAL = (Kind.DI, Kind.DO)
