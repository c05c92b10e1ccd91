"""NI's task state model: which task may start, when it begins, and what it holds meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from nidaqmx.constants import OverwriteMode
from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.buffers import InputBuffer, OutputBuffer
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.checks import check_clock, check_output_buffer, check_resources
from oscilab_sim.nidaq.clock import TIMEBASE_HZ, Clock, divided
from oscilab_sim.nidaq.engine import Engine
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.plant import Plant
from oscilab_sim.nidaq.tasks import State, VirtualTask
from oscilab_sim.nidaq.watchdogs import Watchdog

CLOCK, TRIGGER = "sampleclock", "starttrigger"


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
                f"Task specified is invalid or does not exist.\n\nTask Name: {name}",
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
        place = self._clock_place(task)
        if place in self._clocks:
            task.timing.rate_hz = TIMEBASE_HZ / divided(self._clocks[place])
        if task.kind_is_output():
            check_output_buffer(task)
        else:
            overwrites = task.overwrite == OverwriteMode.OVERWRITE_UNREAD_SAMPLES.value
            task.incoming = InputBuffer(len(task.names), task.buffer_size(), overwrites)

    def _begin(self, task: VirtualTask) -> None:
        """Begin a started task, unless it waits for a trigger; a pulse that has passed is gone."""
        now = self.engine.clock.now
        trigger = self._trigger_place(task)
        if trigger is None:
            self._run_from(task, now)
        elif trigger in self._pulses:
            self._run_from(task, now + int(self._pulses[trigger] * TIMEBASE_HZ))

    def _run_from(self, task: VirtualTask, tick: int) -> None:
        """Its start trigger came at `tick`: it begins with the next edge of its clock."""
        task.is_triggered = True
        place = self._clock_place(task)
        if place is not None and place not in self._clocks:
            owner = next((t for t in self.engine.running if self._gives(t, place, CLOCK)), None)
            if owner is None or owner.begin is None:
                return
            task.clock_owner, task.timing.rate_hz = owner, owner.timing.rate_hz
            period = owner.timing.period
            tick = owner.begin + max(0, -((owner.begin - tick) // period)) * period
        task.begin = tick
        self._set_reference(task, tick)
        for other in list(self.engine.running):
            if other.begin is None and other is not task and self._follows(other, task):
                self._run_from(other, tick)

    def _follows(self, other: VirtualTask, task: VirtualTask) -> bool:
        """Whether `other` waited for the start or the clock of `task`."""
        trigger, clock = self._trigger_place(other), self._clock_place(other)
        if trigger is not None and not other.is_triggered:
            return self._gives(task, trigger, TRIGGER)
        return clock is not None and self._gives(task, clock, CLOCK)

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

    def _clock_place(self, task: VirtualTask) -> tuple[str, str] | None:
        """The terminal of its clock; None where that is its own."""
        source = task.timing.source
        if not source:
            return None
        place = self.chassis.terminal(source, task.devices[0])
        own = (place[0] in task.devices and place[1] == f"{task.kind}/{CLOCK}") or place[
            1
        ].endswith(("onboardclock", "timebase"))
        return None if own else place

    def _trigger_place(self, task: VirtualTask) -> tuple[str, str] | None:
        if task.start_trigger.source is None:
            return None
        return self.chassis.terminal(task.start_trigger.source, task.devices[0])

    def _gives(self, task: VirtualTask, place: tuple[str, str], signal: str) -> bool:
        """Whether the clock or start trigger of `task` is at a terminal."""
        if place in self.routes:
            return self.routes[place] == (task, signal)
        return place[0] in task.devices and place[1] == f"{task.kind}/{signal}"


def new_output_buffer(task: VirtualTask, samples: int) -> OutputBuffer:
    """The buffer that a first write of `samples` makes, unless one was configured."""
    return OutputBuffer(len(task.names), task.output_size or samples)
