"""Readings between the steps of the integrator.

Inputs that are clocked faster than the integrator needs to step would cut its steps short. Between
two steps the motion that Euler and Maruyama's scheme stands for is Brownian under a constant force,
so that, given both ends, it is a Brownian bridge: what lies between is drawn from that.
"""

from __future__ import annotations

import numpy as np

from oscilab.types import BoolArray, FloatArray


def bridged(
    rng: np.random.Generator, times: FloatArray, kept: BoolArray, passed: list[FloatArray]
) -> list[FloatArray]:
    """Positions `[copy, oscillator]` at every one of `times` `[stop]`, ascending from 0 on.

    `passed` are those at time 0 and at the stops that were `kept`, the last of which is the last of
    all. The bath's temperature and the mobility are 1, so that a step's variance is twice its time.
    """
    ends = np.concatenate([[0.0], times[kept]])
    places = np.stack(passed)
    spread = np.sqrt(2 * np.diff(times, prepend=0.0))
    shape = (len(times), *places.shape[1:])
    walk = np.cumsum(spread[:, np.newaxis, np.newaxis] * rng.standard_normal(shape), axis=0)
    at_ends = np.concatenate([np.zeros((1, *shape[1:])), walk[kept]])
    # The stretch that each stop lies in; a kept stop is the end of its own.
    left = (
        np.searchsorted(ends[1:-1], times, side="left")
        if len(ends) > 2
        else np.zeros(len(times), np.intp)
    )
    length = (ends[left + 1] - ends[left])[:, np.newaxis, np.newaxis]
    share = (times - ends[left])[:, np.newaxis, np.newaxis] / np.maximum(length, 1e-300)
    drift = places[left + 1] - places[left] - (at_ends[left + 1] - at_ends[left])
    found = places[left] + walk - at_ends[left] + share * drift
    found[kept] = places[1:]
    return list(found)
