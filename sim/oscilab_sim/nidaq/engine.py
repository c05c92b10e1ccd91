"""Runs the tasks that tick, and the plant with them, up to a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import gcd

import numpy as np

from oscilab.types import Volts
from oscilab_sim.nidaq.clock import TIMEBASE_HZ, Clock
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.plant import Plant, Stretch
from oscilab_sim.nidaq.stretches import bearable, in_repeats, left, steps, underflow
from oscilab_sim.nidaq.tasks import VirtualTask

SLICE = 1 << 22
"""Readings that one call may make before others get their turn."""
LOOK_S = 0.25
"""How often a call that waits looks whether its caller is still there."""


class Engine:
    """Time, the plant, and the tasks that run; every method wants `turn` to be held.

    An input sampled at an edge of the clock sees what was before that edge; outputs change at it.
    """

    def __init__(self, plant: Plant, clock: Clock) -> None:
        self.plant = plant
        self.clock = clock
        self.turn = threading.Condition(threading.RLock())
        self.running: list[VirtualTask] = []
        self.rearm: Callable[[VirtualTask, int], None] = lambda task, tick: None
        """Called at the tick at which a task that retriggers has all samples of a trigger."""
        self._at = 0

    def sync(self) -> None:
        """Let the time pass that has really passed; a virtual clock waits for a slow host."""
        target = self.clock.drifted()
        if self.clock.jumps:
            target = min([target, *(bearable(task) for task in self._ticking())])
        self.advance(max(target, self.clock.now))

    def advance(self, target: int) -> None:
        """Run everything up to the tick `target`."""
        while self.step(target):
            pass

    def step(self, target: int) -> bool:
        """Run a part of the way to `target`; whether some is left."""
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
        """Until `ready`, at most `timeout` seconds (negative: for ever) or while `alive`.

        `when` is the tick at which it will be, or None where that hangs on another call.
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
                # Others may stop what is waited for, and time has to pass if nothing else does.
                self.turn.wait(0 if before != (self.clock.now, self._at) else LOOK_S)
                self.sync()
                continue
            ticks = [t - self.clock.now for t in (tick, deadline) if t is not None]
            seconds = self.clock.real_seconds(min(ticks)) if ticks else LOOK_S
            self.turn.wait(min(max(seconds, 0.0), LOOK_S))
            self.sync()
        return True

    def settle(self, task: VirtualTask) -> None:
        """Put out the sample that a task which is being stopped has just begun."""
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
        """One stretch from here on in which every task of `tasks` goes on ticking."""
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
        """How far to go: to `target`, or further where a virtual clock may and it pays.

        Stretches of one drive are simulated side by side, many at hardly more than the cost of
        one. So where a finite waveform plays, a virtual clock that jumps jumps on until a buffer
        is full, or empty.
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
        """Play `count` samples of `unit` ticks, the first `length` of them over and over."""
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
