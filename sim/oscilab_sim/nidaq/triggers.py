"""Which task begins when: start triggers, clocks of other tasks, pulses and clocks at terminals."""

from __future__ import annotations

from collections.abc import Mapping

from oscilab.errors import InvalidInput
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.clock import TIMEBASE_HZ, divided
from oscilab_sim.nidaq.engine import Engine
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.tasks import VirtualTask

CLOCK, TRIGGER = "sampleclock", "starttrigger"


class Triggers:
    """What is at the terminals; every method wants the engine's turn.

    `pulses` and `clocks` are those of `Driver`; `routes` are signals that tasks export.

    Raises:
        InvalidInput: a pulse or a clock at a device that is not there.
    """

    def __init__(
        self,
        chassis: Chassis,
        engine: Engine,
        pulses: Mapping[str, float],
        clocks: Mapping[str, float],
    ) -> None:
        self._chassis = chassis
        self._engine = engine
        self.routes: dict[tuple[str, str], tuple[VirtualTask, str]] = {}
        self._pulses = {_place(chassis, name, "pulse"): after for name, after in pulses.items()}
        self._clocks = {_place(chassis, name, "clock"): rate for name, rate in clocks.items()}
        engine.rearm = self._rearm

    def pulse(self, terminal: str) -> None:
        """A rising edge at a terminal, such as `/Dev1/PFI0`: it starts the tasks that wait."""
        place = self._chassis.terminal(terminal, "")
        self._engine.sync()
        for task in list(self._engine.running):
            if task.begin is None and self._trigger_place(task) == place:
                self._run_from(task, self._engine.clock.now)

    def set_external_rate(self, task: VirtualTask) -> None:
        """The true rate of a task whose clock is plugged in at a terminal."""
        place = self._clock_place(task)
        if place in self._clocks:
            task.timing.rate_hz = TIMEBASE_HZ / divided(self._clocks[place])

    def arm(self, task: VirtualTask, tick: int) -> None:
        """Begin a started task at `tick`, unless it waits for a trigger.

        A pulse that has passed is gone.
        """
        trigger = self._trigger_place(task)
        if trigger is None:
            self._run_from(task, tick)
        elif trigger in self._pulses:
            self._run_from(task, tick + int(self._pulses[trigger] * TIMEBASE_HZ))

    def _rearm(self, task: VirtualTask, tick: int) -> None:
        """All samples of a trigger are there: wait for the next one, from `tick` on."""
        task.begin, task.is_triggered, task.position = None, False, 0
        self.arm(task, tick)

    def _run_from(self, task: VirtualTask, tick: int) -> None:
        """Its start trigger came at `tick`: it begins with the next edge of its clock."""
        task.is_triggered = True
        place = self._clock_place(task)
        if place is not None and place not in self._clocks:
            owner = next((t for t in self._engine.running if self._gives(t, place, CLOCK)), None)
            if owner is None or owner.begin is None:
                return
            task.clock_owner, task.timing.rate_hz = owner, owner.timing.rate_hz
            period = owner.timing.period
            tick = owner.begin + max(0, -((owner.begin - tick) // period)) * period
        task.begin = tick
        self._set_reference(task, tick)
        for other in list(self._engine.running):
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
        place = self._chassis.terminal(reference.source, task.devices[0])
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
        place = self._chassis.terminal(source, task.devices[0])
        own = (place[0] in task.devices and place[1] == f"{task.kind}/{CLOCK}") or place[
            1
        ].endswith(("onboardclock", "timebase"))
        return None if own else place

    def _trigger_place(self, task: VirtualTask) -> tuple[str, str] | None:
        if task.start_trigger.source is None:
            return None
        return self._chassis.terminal(task.start_trigger.source, task.devices[0])

    def _gives(self, task: VirtualTask, place: tuple[str, str], signal: str) -> bool:
        """Whether the clock or start trigger of `task` is at a terminal."""
        if place in self.routes:
            return self.routes[place] == (task, signal)
        return place[0] in task.devices and place[1] == f"{task.kind}/{signal}"


def _place(chassis: Chassis, terminal: str, what: str) -> tuple[str, str]:
    try:
        return chassis.terminal(terminal, "")
    except DaqFault as fault:
        raise InvalidInput(
            f"a {what} was given for the terminal {terminal}, whose device is not there; there "
            f"are: {', '.join(chassis.boards)}"
        ) from fault
