"""What tasks make and take between two changes: how far they go, and which levels they play."""

from __future__ import annotations

import numpy as np
from nidaqmx.error_codes import DAQmxErrors

from oscilab.types import IntArray, Volts
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.plant import Plant
from oscilab_sim.nidaq.tasks import VirtualTask


def left(task: VirtualTask) -> int:
    """Samples to come, as far as its own end and that of the clock's owner tell."""
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
    """The last tick that costs no sample."""
    room = task.room()
    if room is None:
        return 1 << 62
    return task.next_tick + room * task.timing.period - 1


def in_repeats(
    outputs: list[VirtualTask], tasks: list[VirtualTask], unit: int, count: int
) -> tuple[int, int]:
    """`count` as a multiple of the length that all outputs play over and over, if they do."""
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
    """Where outputs change, in samples from `begin`, and levels `[output, step]` from there."""
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
    """What ends a generation whose samples ran out."""
    return DaqFault(
        DAQmxErrors.GEN_STOPPED_TO_PREVENT_REGEN_OF_OLD_SAMPLES,
        "The generation has stopped to prevent the regeneration of old samples. Your application "
        "was unable to write samples to the background buffer fast enough to prevent old samples "
        "from being regenerated.\n\nWrite to the background buffer more often, or allow "
        "regeneration.",
        written=0,
    )
