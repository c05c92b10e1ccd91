"""The virtual time, the clocked tasks, their triggers, and the plant that they drive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Protocol

import numpy as np
from nidaqmx.error_codes import DAQmxErrors

from oscilab.errors import InvalidInput
from oscilab.types import Float64Array, IntArray, Volts
from oscilab_sim.nidaq.calls import DaqFault
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.tasks import TIMEBASE_HZ, VirtualTask, divided

Signal = float | str | Callable[[Float64Array], Float64Array]
"""The signal at an input: volts, the name of an output, or a function of an array of seconds."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Output levels `[output, step]`, each held for `samples` `[step]`.

    It is played `repeats` times at `rate_hz`. `outputs` names the rows; other outputs hold.
    """

    outputs: Sequence[str]
    levels: Volts
    samples: IntArray
    rate_hz: float
    repeats: int = 1

    @property
    def length(self) -> int:
        """Samples in one repeat."""
        return int(self.samples.sum())


class Plant(Protocol):
    """What is wired to the boards' lines, under the server's clock."""

    def level(self, output: str) -> float:
        """Return the level of an output; 0 if it was never driven."""
        ...

    def set_levels(self, levels: Mapping[str, float]) -> None:
        """Set outputs to volts, or lines to 0 or 1, at once."""
        ...

    def advance(self, seconds: float) -> None:
        """Let time pass with outputs held."""
        ...

    def read(self, inputs: Sequence[str], samples: int) -> Volts:
        """Return the present readings `[input, sample]`."""
        ...

    def run(self, stretch: Stretch, inputs: Sequence[str], read: IntArray) -> Volts:
        """Play `stretch` and return readings `[input, repeat, reading]` at the ends of `read`."""
        ...


class Signals:
    """A plant of given signals at the inputs; digital lines read the levels that drive them.

    Raises:
        InvalidInput: a signal for an input that does not exist.
    """

    def __init__(self, inputs: Sequence[str], signals: Mapping[str, Signal]) -> None:
        self._sources = dict(signals)
        for name in signals:
            if name not in inputs:
                raise InvalidInput(
                    f"a signal was given for {name}, which is no input of the virtual boards; name "
                    "one such as Dev1/ai0 or Dev1/port0/line0"
                )
        self.levels: dict[str, float] = {}
        self.seconds = 0.0

    def set_signal(self, name: str, signal: Signal) -> None:
        """Change the signal at an input."""
        self._sources[name] = signal

    def level(self, output: str) -> float:
        """Return the level of an output."""
        return self.levels.get(output, 0.0)

    def set_levels(self, levels: Mapping[str, float]) -> None:
        """Set outputs to volts at once."""
        self.levels |= levels

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def read(self, inputs: Sequence[str], samples: int) -> Volts:
        """Return the present readings `[input, sample]`."""
        times = np.full(samples, self.seconds)
        return np.stack([self._seen(name, times, self.levels) for name in inputs])

    def run(self, stretch: Stretch, inputs: Sequence[str], read: IntArray) -> Volts:
        """Play `stretch`, and read as each of the samples `read` ends."""
        begins = np.arange(stretch.repeats)[:, np.newaxis] * stretch.length
        times = self.seconds + ((begins + read + 1) / stretch.rate_hz).ravel()
        steps = np.searchsorted(np.cumsum(stretch.samples), read, side="right")
        moving: dict[str, Volts] = {
            name: np.tile(row[steps], stretch.repeats)
            for name, row in zip(stretch.outputs, stretch.levels, strict=True)
        }
        volts = [self._seen(name, times, {**self.levels, **moving}) for name in inputs]
        last = stretch.levels[:, -1].tolist()
        self.levels |= dict(zip(stretch.outputs, last, strict=True))
        self.seconds += stretch.repeats * stretch.length / stretch.rate_hz
        shape = (len(inputs), stretch.repeats, len(read))
        return np.reshape(volts, shape) if inputs else np.empty(shape)

    def _seen(self, name: str, times: Float64Array, levels: Mapping[str, float | Volts]) -> Volts:
        source = self._sources.get(name, name)
        if isinstance(source, str):
            source = levels.get(source, 0.0)
        if callable(source):
            source = source(times)
        return np.broadcast_to(np.asarray(source, np.float64), times.shape).copy()


class Clock:
    """The server's time, in ticks since its start.

    With `pace` 0 it follows the wall clock, and jumps ahead where a call would wait. With a
    positive pace one second of the boards takes `pace` real seconds, and the clock never jumps.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self.pace = pace
        self.now = 0
        self._seen = time.monotonic()
        self.began_s = time.time()
        """Unix time of tick 0."""

    @property
    def hz(self) -> int:
        """Ticks per second."""
        return TIMEBASE_HZ

    @property
    def jumps(self) -> bool:
        """Whether waiting takes no real time."""
        return self.pace == 0

    @property
    def seconds(self) -> float:
        """The present time in seconds."""
        return self.now / TIMEBASE_HZ

    def drifted(self) -> int:
        """Return the present tick by the real time that passed since the last call."""
        seen = time.monotonic()
        passed, self._seen = seen - self._seen, seen
        return self.now + int(passed / (self.pace or 1.0) * TIMEBASE_HZ)

    def real_seconds(self, ticks: int) -> float:
        """Return the real duration of `ticks` in seconds."""
        return ticks / TIMEBASE_HZ * (self.pace or 1.0)


SLICE = 1 << 22
"""Readings in one step, after which other calls get their turn."""
POLL_S = 0.25
"""Interval at which a waiting call checks whether its caller is still connected."""


class Engine:
    """The time, the plant and the running tasks; call every method with `turn` held.

    An input sampled at a clock edge sees the levels before that edge; outputs change at the edge.
    """

    def __init__(self, plant: Plant, clock: Clock) -> None:
        self.plant = plant
        self.clock = clock
        self.turn = threading.Condition(threading.RLock())
        self.running: list[VirtualTask] = []
        self.rearm: Callable[[VirtualTask, int], None] = lambda task, tick: None
        """Called when a retriggerable task has all samples of a trigger, with the tick."""
        self._at = 0

    def sync(self) -> None:
        """Advance by the real time that passed; a virtual clock waits for a slow host."""
        target = self.clock.drifted()
        if self.clock.jumps:
            target = min([target, *(bearable(task) for task in self._ticking())])
        self.advance(max(target, self.clock.now))

    def advance(self, target: int) -> None:
        """Run all tasks up to the tick `target`."""
        while self.step(target):
            pass

    def step(self, target: int) -> bool:
        """Run part of the way to `target`; return whether some is left."""
        for task in self.running:
            if task.retriggers and task.has_all and task.begin is not None:
                self.rearm(task, self._at)
        ticking = self._ticking()
        soonest = min((task.next_tick for task in ticking), default=target)
        if soonest > self._at:
            self._idle(min(soonest, target))
        if soonest <= target and ticking:
            self._read_first([task for task in ticking if task.next_tick == self._at])
            moved = self._play([task for task in ticking if task.is_ticking], target)
            if moved:
                return True
        self.clock.now = max(self.clock.now, target, self._at)
        self.turn.notify_all()
        return False

    def wait(
        self,
        ready: Callable[[], bool],
        when: Callable[[], int | None],
        timeout: float,
        alive: Callable[[], bool],
    ) -> bool:
        """Wait for `ready`, at most `timeout` seconds (negative: forever) and while `alive`.

        `when` returns the tick at which it will be ready, or None if that depends on another call.
        """
        self.sync()
        deadline = None if timeout < 0 else self.clock.now + int(timeout * TIMEBASE_HZ)
        while not ready():
            if not alive() or (deadline is not None and self.clock.now >= deadline):
                return False
            tick = when()
            if tick is not None and deadline is not None:
                tick = min(tick, deadline)
            if tick is not None and self.clock.jumps:
                before = self.clock.now, self._at
                self.step(max(tick, self.clock.now))
                # Let other calls in, and let real time pass if nothing has moved.
                self.turn.wait(0 if before != (self.clock.now, self._at) else POLL_S)
                self.sync()
                continue
            ticks = [t - self.clock.now for t in (tick, deadline) if t is not None]
            seconds = self.clock.real_seconds(min(ticks)) if ticks else POLL_S
            self.turn.wait(min(max(seconds, 0.0), POLL_S))
            self.sync()
        return True

    def settle(self, task: VirtualTask) -> None:
        """Output the sample that has just begun in a task that is being stopped."""
        begun = task.kind_is_output() and task.is_ticking and task.next_tick <= self.clock.now
        if begun and task.outgoing is not None and task.room() != 0:
            levels = task.upcoming(1)[:, 0].tolist()
            self.plant.set_levels(dict(zip(task.names, levels, strict=True)))
            task.position += 1
        if self._at < self.clock.now and not [t for t in self._ticking() if t is not task]:
            self._idle(self.clock.now)

    def _ticking(self) -> list[VirtualTask]:
        return [task for task in self.running if task.is_ticking and left(task) > 0]

    def _idle(self, tick: int) -> None:
        if tick > self._at:
            self.plant.advance((tick - self._at) / TIMEBASE_HZ)
            self._at = tick

    def _read_first(self, tasks: list[VirtualTask]) -> None:
        for task in tasks:
            if not task.kind_is_output():
                self._deliver(task, self.plant.read(task.names, 1))

    def _deliver(self, task: VirtualTask, samples: Volts) -> None:
        assert task.incoming is not None
        skipped = min(max(task.skip - task.position, 0), samples.shape[1])
        tick = task.next_tick + skipped * task.timing.period
        task.position += samples.shape[1]
        try:
            task.incoming.put(samples[:, skipped:], tick)
            if task.log is not None:
                task.log.append(samples[:, skipped:])
                if task.logging.takes_all:
                    task.incoming.take(task.incoming.available)
        except DaqFault as fault:
            task.fault = fault

    def _play(self, tasks: list[VirtualTask], target: int) -> bool:
        """Play one stretch in which all `tasks` keep ticking; return whether time moved."""
        tasks = [task for task in tasks if left(task) > 0]
        outputs = [task for task in tasks if task.kind_is_output()]
        inputs = [task for task in tasks if not task.kind_is_output()]
        if not tasks:
            return False
        ends = [self._horizon(outputs, tasks, target)]
        for task in outputs:
            room = task.room()
            if room == 0 and task.next_tick == self._at:
                task.fault = underflow()
                return True
            coming = left(task) if room is None else min(left(task), room)
            ends.append(task.next_tick + max(coming, 1) * task.timing.period)
            if room == 0:
                ends[-1] = task.next_tick
        ends += [t.next_tick + (left(t) - 1) * t.timing.period for t in inputs]
        unit = 0
        for task in tasks:
            unit = gcd(unit, gcd(task.timing.period, task.next_tick - self._at))
        rows = sum(len(task.names) for task in tasks)
        count = min((min(ends) - self._at) // unit, max(SLICE // rows, 1))
        count, length = in_repeats(outputs, tasks, unit, count)
        if count < 1:
            return False
        self._run(outputs, inputs, unit, count, length)
        return True

    def _horizon(self, outputs: list[VirtualTask], tasks: list[VirtualTask], target: int) -> int:
        """Return the end of the next stretch: `target`, or later where a virtual clock may jump.

        Stretches of one drive are simulated side by side, many for hardly more than the cost of
        one. A virtual clock therefore runs on through a finite waveform until a buffer is full or
        empty.
        """
        finite = outputs and all(task.timing.is_finite for task in outputs)
        if not (self.clock.jumps and finite and target > self.clock.now):
            return target
        return max(target, min(bearable(task) for task in tasks))

    def _run(
        self,
        outputs: list[VirtualTask],
        inputs: list[VirtualTask],
        unit: int,
        count: int,
        length: int,
    ) -> None:
        """Play `count` samples of `unit` ticks, as repeats of the first `length`."""
        begin, end = self._at, self._at + count * unit
        names = [name for task in outputs for name in task.names]
        starts, levels = steps(self.plant, outputs, begin, begin + length * unit, unit)
        samples = np.diff(np.append(starts, length))
        stretch = Stretch(names, levels, samples, TIMEBASE_HZ / unit, count // length)
        edges = [
            np.arange(task.next_tick, begin + length * unit + 1, task.timing.period)
            for task in inputs
        ]
        read = np.unique(np.concatenate(edges)) if edges else np.empty(0, np.int64)
        wanted = [name for task in inputs for name in task.names]
        volts = self.plant.run(stretch, wanted, (read - begin) // unit - 1)
        self._at = end
        for task in outputs:
            first, period = task.next_tick, task.timing.period
            task.position += max(0, -((first - end) // period))
        row = 0
        for task, ticks in zip(inputs, edges, strict=True):
            rows = slice(row, row + len(task.names))
            row += len(task.names)
            columns = np.searchsorted(read, ticks)
            taken = volts[rows][:, :, columns] if len(columns) < len(read) else volts[rows]
            self._deliver(task, taken.reshape(len(task.names), -1))


def left(task: VirtualTask) -> int:
    """Return the number of samples to come, up to the end of the task or of its clock's owner."""
    samples = 1 << 62 if task.total is None else task.total - task.position
    owner = task.clock_owner
    if owner is not None:
        if not owner.is_running or owner.begin is None:
            return 0
        if owner.total is not None:
            last = owner.begin + (owner.total - 1) * owner.timing.period
            samples = min(samples, (last - task.next_tick) // task.timing.period + 1)
    return samples


def bearable(task: VirtualTask) -> int:
    """Return the last tick at which no sample is lost."""
    room = task.room()
    if room is None:
        return 1 << 62
    return task.next_tick + room * task.timing.period - 1


def in_repeats(
    outputs: list[VirtualTask], tasks: list[VirtualTask], unit: int, count: int
) -> tuple[int, int]:
    """Return `count` and the length of a repeat.

    `count` becomes a multiple of the length that all outputs regenerate, if they share one.
    """
    lengths = {
        min(task.outgoing.size, task.outgoing.written)
        for task in outputs
        if task.outgoing is not None and task.regenerates
    }
    aligned = all(task.timing.period == unit for task in tasks)
    if len(lengths) != 1 or not aligned or any(not task.regenerates for task in outputs):
        return count, count
    length = lengths.pop()
    places = {task.position % length for task in outputs}
    if len(places) != 1:
        return count, count
    place = places.pop()
    if place:
        count = min(count, length - place)
        return count, count
    return (count // length * length, length) if count >= length else (count, count)


def steps(
    plant: Plant, outputs: list[VirtualTask], begin: int, end: int, unit: int
) -> tuple[IntArray, Volts]:
    """Return the samples from `begin` at which outputs change, and the levels `[output, step]`."""
    edges = [np.arange(t.next_tick, end, t.timing.period) for t in outputs]
    ticks = np.unique(np.concatenate([*edges, [begin]])) if edges else np.array([begin])
    parts: list[Volts] = []
    for task, own in zip(outputs, edges, strict=True):
        before = np.array([[plant.level(name)] for name in task.names])
        coming = np.concatenate([before, task.upcoming(len(own))], axis=1)
        parts.append(coming[:, np.searchsorted(own, ticks, side="right")])
    levels = np.concatenate(parts) if parts else np.empty((0, len(ticks)))
    changes = np.ones(len(ticks), np.bool_)
    changes[1:] = (levels[:, 1:] != levels[:, :-1]).any(axis=0)
    return (ticks[changes] - begin) // unit, levels[:, changes]


def underflow() -> DaqFault:
    """Return the error of a generation that ran out of samples."""
    return DaqFault(
        DAQmxErrors.GEN_STOPPED_TO_PREVENT_REGEN_OF_OLD_SAMPLES,
        "The generation has stopped to prevent the regeneration of old samples. Your application "
        "was unable to write samples to the background buffer fast enough to prevent old samples "
        "from being regenerated.\n\nWrite to the background buffer more often, or allow "
        "regeneration.",
        written=0,
    )


CLOCK, TRIGGER = "sampleclock", "starttrigger"


class Triggers:
    """The signals at the terminals; call every method with the engine's `turn` held.

    `pulses` and `clocks` are those of `Driver`; `routes` are the signals that tasks export.

    Raises:
        InvalidInput: a pulse or a clock at a device that does not exist.
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
        """Put a rising edge on a terminal such as `/Dev1/PFI0`; it starts the waiting tasks."""
        place = self._chassis.terminal(terminal, "")
        self._engine.sync()
        for task in list(self._engine.running):
            if task.begin is None and self._trigger_place(task) == place:
                self._run_from(task, self._engine.clock.now)

    def set_external_rate(self, task: VirtualTask) -> None:
        """Set the true rate of a task that uses an external clock."""
        place = self._clock_place(task)
        if place in self._clocks:
            task.timing.rate_hz = TIMEBASE_HZ / divided(self._clocks[place])

    def arm(self, task: VirtualTask, tick: int) -> None:
        """Begin a started task at `tick`, unless it waits for a trigger.

        Pulses before `tick` do not count.
        """
        trigger = self._trigger_place(task)
        if trigger is None:
            self._run_from(task, tick)
        elif trigger in self._pulses:
            self._run_from(task, tick + int(self._pulses[trigger] * TIMEBASE_HZ))

    def _rearm(self, task: VirtualTask, tick: int) -> None:
        """Wait for the next trigger from `tick` on; all samples of the last were acquired."""
        task.begin, task.is_triggered, task.position = None, False, 0
        self.arm(task, tick)

    def _run_from(self, task: VirtualTask, tick: int) -> None:
        """Start a task triggered at `tick` with the next edge of its clock."""
        task.is_triggered = True
        place = self._clock_place(task)
        if place is not None and place not in self._clocks:
            owner = next((t for t in self._engine.running if self._provides(t, place, CLOCK)), None)
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
        """Return whether `other` waits for the start or the clock of `task`."""
        trigger, clock = self._trigger_place(other), self._clock_place(other)
        if trigger is not None and not other.is_triggered:
            return self._provides(task, trigger, TRIGGER)
        return clock is not None and self._provides(task, clock, CLOCK)

    def _set_reference(self, task: VirtualTask, tick: int) -> None:
        reference = task.reference_trigger
        if reference.source is None or not task.timing.is_finite:
            return
        place = self._chassis.terminal(reference.source, task.devices[0])
        after = self._pulses.get(place)
        if after is None:
            # Pretrigger samples circulate in the buffer until a pulse comes.
            task.skip = 1 << 61
            return
        at = max(reference.pretrigger, int(after * TIMEBASE_HZ / task.timing.period))
        task.skip = at - reference.pretrigger

    def _clock_place(self, task: VirtualTask) -> tuple[str, str] | None:
        """Return the terminal of the task's clock; None if the clock is its own."""
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

    def _provides(self, task: VirtualTask, place: tuple[str, str], signal: str) -> bool:
        """Return whether `task` puts `signal`, its clock or start trigger, on a terminal."""
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
