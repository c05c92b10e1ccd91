"""Playback of a protocol: recording of positions, work and heat."""

from __future__ import annotations

import math

import numpy as np

from oscilab.arrays.readings import Trajectory
from oscilab.errors import InvalidInput
from oscilab.physics.protocol import Stairs
from oscilab.types import Float64Array
from oscilab_sim.engine import Engine
from oscilab_sim.motion import Motion

LARGEST_RECORD = 2**32
"""Largest size of one recorded trajectory in bytes."""


def record_times(duration: float, every: float | None, bytes_each: int) -> Float64Array:
    """Return the start, every multiple of `every` in between, and the end.

    Raises:
        InvalidInput: `every` is not a positive time, or makes a record of more than 4 GiB.
    """
    if every is None:
        return np.array([0.0, duration])
    if not (math.isfinite(every) and every > 0):
        raise InvalidInput(f"record_every is {every}; it must be a time above zero")
    if duration / every * bytes_each > LARGEST_RECORD:
        raise InvalidInput(
            f"a record every {every:g} of {duration:g} takes more than "
            f"{LARGEST_RECORD >> 30} GiB; record less often or play fewer copies"
        )
    # A time that differs from the end only by rounding is the end.
    count = math.ceil(duration / every * (1 - 1e-9))
    return np.append(every * np.arange(count), duration)


def play_stairs(stairs: Stairs, motion: Motion, engine: Engine, times: Float64Array) -> Trajectory:
    """Play held settings in turn and record positions at `times` `[time]`.

    Work is done where the drive switches, W = sum_{n>=1} U(x_n; theta_n) - U(x_n; theta_{n-1}).
    Within a held setting all energy lost goes to the bath, so the heat telescopes to
    Q = -sum_n U(x_{n+1}; theta_n) - U(x_n; theta_n), both in float64.
    """
    x = motion.positions()
    record = np.empty((len(x), len(times), x.shape[1]), np.float32)
    record[:, 0] = x
    recorded = 1
    work, heat = np.zeros(len(x)), np.zeros(len(x))
    ends = np.cumsum(stairs.durations)
    ends[-1] = times[-1]
    now = 0.0
    last_energy: Float64Array | None = None
    for parameters, end in zip(stairs.parameters, ends, strict=True):
        before = engine.energy(parameters, x)
        if last_energy is not None:
            work += before - last_energy
        for stop in _stops(times[recorded:], end):
            motion.hold(parameters, stop - now)
            now = stop
            if recorded < len(times) and now == times[recorded]:
                record[:, recorded] = motion.positions()
                recorded += 1
        x = motion.positions()
        last_energy = engine.energy(parameters, x)
        heat += before - last_energy
    return Trajectory(times=times, positions=record, work=work, heat=heat)


def _stops(times: Float64Array, end: float) -> list[float]:
    stops = [float(time) for time in times[: np.searchsorted(times, end, side="right")]]
    return stops if stops and stops[-1] == end else [*stops, float(end)]
