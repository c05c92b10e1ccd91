"""The array behind a virtual board, moved from one sensor sample to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.physics import Potential
from oscilab.types import BoolArray, Float64Array, FloatArray
from oscilab_sim.engine import Engine
from oscilab_sim.motion import Motion
from oscilab_sim.streams import RandomStreams

CLAMP_ROUNDS = 60
SUBSTEPS = 4
"""Motion steps per sensor time constant, so that the sensor's lag is resolved."""


@dataclass(frozen=True)
class Sensor:
    """Flaws of position sensors and clamps, in core units; 0 and None are ideal."""

    settling: float = 0.0
    clamp_stiffness: float | None = None


class Plant:
    """One array in its own core units: positions, forces and motion, with a bath at kT = 1."""

    def __init__(
        self,
        potential: Potential,
        engine: Engine,
        seed: int,
        sensor: Sensor,
        step_fraction: float = 0.02,
    ) -> None:
        self._potential = potential
        self._engine = engine
        self._sensor = sensor
        self._fraction = step_fraction
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Restart all random streams."""
        self._streams = RandomStreams(seed)
        self._rng = np.random.default_rng([seed, 3])

    def clamped(self, parameters: FloatArray, set_points: FloatArray) -> FloatArray:
        """Return the clamped positions for `set_points` `[batch, oscillator]`.

        A clamp of finite stiffness c yields: c (s - x) + F(x) = 0, found by damped iteration, and
        leaves thermal motion of variance 1 / c.
        """
        stiffness = self._sensor.clamp_stiffness
        if stiffness is None:
            return set_points
        x = set_points.copy()
        for _ in range(CLAMP_ROUNDS):
            x += 0.5 * (set_points + self.forces(parameters, x) / stiffness - x)
        return x + self._rng.standard_normal(x.shape) / np.sqrt(stiffness)

    def forces(self, parameters: FloatArray, positions: FloatArray) -> FloatArray:
        """Return -grad U at `positions` `[batch, oscillator]`."""
        if not len(positions):
            return positions.copy()
        theta, x = np.asarray(parameters, np.float64), np.asarray(positions, np.float64)
        return self._engine.forces(theta, x)

    def free(
        self,
        positions: FloatArray,
        parameters: FloatArray,
        durations: FloatArray,
        stops: list[FloatArray],
        seen: FloatArray | None = None,
    ) -> tuple[list[FloatArray], FloatArray]:
        """Move copies released at `positions` `[copy, oscillator]` through the steps in turn.

        `parameters` is `[parameter, step]`, `durations` `[step]`; `stops[step]` are the ascending
        times within a step at which sensors are read. Return the sensor readings, a
        `[copy, oscillator]` for every stop, and the final positions.
        """
        copies = self._engine.release(positions, self._streams.next())
        motion = Motion(copies, self._potential, "the virtual board", 1.0, self._fraction)
        shown = positions.copy() if seen is None else seen
        found: list[FloatArray] = []
        for step, duration in enumerate(durations.tolist()):
            column = parameters[:, min(step, parameters.shape[1] - 1)]
            theta = np.ascontiguousarray(column, np.float64)
            now = 0.0
            times = stops[step]
            kept = self._necessary_stops(motion, theta, times)
            known = [shown]
            for stop in times[kept].tolist():
                shown = self._sense(motion, theta, stop - now, shown)
                now = stop
                known.append(shown)
            found += known[1:] if kept.all() else bridged(self._rng, times, kept, known)
            if duration - now > 1e-12 * duration:
                shown = self._sense(motion, theta, duration - now, shown)
        return found, motion.positions().astype(np.float64)

    def _necessary_stops(self, motion: Motion, theta: Float64Array, times: FloatArray) -> BoolArray:
        """Return which of `times` `[stop]` the integrator stops at: at most one per step."""
        kept = np.ones(len(times), np.bool_)
        if self._sensor.settling or len(times) < 2:
            return kept
        step = motion.longest_step(theta)
        # The last stop within each step's length, hence always the final one.
        kept[:-1] = np.diff(np.floor(times / step)) > 0 if np.isfinite(step) else False
        return kept

    def _sense(
        self, motion: Motion, theta: Float64Array, duration: float, shown: FloatArray
    ) -> FloatArray:
        settling = self._sensor.settling
        if not settling:
            if duration > 0:
                motion.hold(theta, duration)
            return motion.positions().astype(np.float64)
        steps = max(1, min(int(np.ceil(SUBSTEPS * duration / settling)), 10_000))
        share = -np.expm1(-duration / steps / settling)
        for _ in range(steps):
            motion.hold(theta, duration / steps)
            shown = shown + share * (motion.positions() - shown)
        return shown


def bridged(
    rng: np.random.Generator, times: FloatArray, kept: BoolArray, known: list[FloatArray]
) -> list[FloatArray]:
    """Return positions `[copy, oscillator]` at every one of the ascending `times` `[stop]`.

    Inputs clocked faster than the integrator steps would force shorter steps. Within a step the
    Euler-Maruyama scheme is Brownian motion under a constant force; given both ends it is a
    Brownian bridge, from which the positions in between are drawn.

    `known` are the positions at time 0 and at the stops that were `kept`; the final stop is kept.
    Temperature and mobility are 1, so the variance of a step is twice its duration.
    """
    ends = np.concatenate([[0.0], times[kept]])
    places = np.stack(known)
    spread = np.sqrt(2 * np.diff(times, prepend=0.0))
    shape = (len(times), *places.shape[1:])
    walk = np.cumsum(spread[:, np.newaxis, np.newaxis] * rng.standard_normal(shape), axis=0)
    at_ends = np.concatenate([np.zeros((1, *shape[1:])), walk[kept]])
    # The interval that each stop lies in; a kept stop is the end of its interval.
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
