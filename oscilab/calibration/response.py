"""How long lines and sensors take to respond, from steps of the clamps.

The area between what is asked for and what is shown, over the step, is the sum of all lags between
them, whatever the step's own shape: for lags of first order, the sum of their time constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.types import FloatArray
from oscilab.wired.array import WiredArray
from oscilab.wired.clock import clock_for_ramps
from oscilab.wired.ramps import with_ramps
from oscilab.wired.waveform import Waveform

WINDOW = 200
"""Samples for which every step is watched."""
STEPS = 8
ENOUGH = 8.0
"""Time constants in a window from which on it holds the whole response, but for 3e-4 of it."""
SLOWER = 4.0
LONGEST_S = 10.0
"""Nothing that takes longer to respond can be driven sensibly."""
REACH = 0.5
"""Of the clamps' reach, on both sides."""
SIGNIFICANT = 4.0
MISSED = 0.05
"""Share of a step that may still be missing at the end of a window that holds it."""


@dataclass(frozen=True)
class Response:
    """The slowest oscillator's lag in seconds, and its standard error; 0 where it is not seen."""

    seconds: float
    error: float


def measure_response(array: WiredArray) -> Response:
    """Step all clamps up and down, slower and slower until the window holds the response.

    Raises:
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    clamps = array.lines.clamps
    span = np.ptp(array.lines.clamp_scale.volts_by_line(np.stack([-_reach(array), _reach(array)])))
    ramp_s = float(span / array.drive.limits.slew[clamps].min())
    rate = clock_for_ramps(array.rate_hz, ramp_s)
    while True:
        lags, followed = _lags(array, rate)
        seconds = lags.mean(axis=1)
        errors = lags.std(axis=1, ddof=1) / np.sqrt(lags.shape[1])
        slowest = int(np.argmax(seconds))
        found = Response(float(seconds[slowest]), float(errors[slowest]))
        enough = followed and found.seconds * ENOUGH < WINDOW / rate
        if enough or WINDOW / rate > LONGEST_S:
            seen = found.seconds > max(SIGNIFICANT * found.error, 1 / rate)
            return found if seen else Response(0.0, found.error)
        rate /= SLOWER


def _lags(array: WiredArray, rate: float) -> tuple[FloatArray, bool]:
    """Seconds `[oscillator, step]` by which positions lag, and whether all got where they were
    sent within the window.
    """
    lines, clamps = array.lines, array.lines.clamps
    reach = _reach(array)
    theta = array.description.potential.vector(stiffness=1.0)
    array.hold(theta, -reach)
    points = np.where(np.arange(STEPS)[:, np.newaxis] % 2 == 0, reach, -reach)
    waveform = Waveform(
        clamps, lines.clamp_scale.volts_by_line(points), np.full(STEPS, WINDOW, np.int64)
    )
    start = array.drive.outputs.levels[clamps]
    # A first stretch at rest, so that what the hold left behind has settled.
    waveform = Waveform(
        clamps,
        np.concatenate([start[:, np.newaxis], waveform.levels], axis=1),
        np.append(WINDOW, waveform.samples),
    )
    ramped = with_ramps(waveform, start, array.drive.limits.slew[clamps], rate)
    length = ramped.waveform.length
    read = np.arange(length, dtype=np.int64)
    samples = array.drive.exchange(ramped.waveform, rate, array.wired.wiring.positions, read)
    shown = samples.volts[:, 0]
    asked = lines.clamp_scale.quantity_by_line(ramped.waveform.expand(0, length)).T
    missing = asked - lines.positions(shown).T
    ends = ramped.ends
    # Each sensor's own offset and gain, from where it has settled.
    tails = [missing[:, end - WINDOW // 10 : end].mean(axis=1) for end in ends]
    areas: list[FloatArray] = []
    followed = True
    for step in range(1, STEPS + 1):
        first, last = int(ends[step - 1]), int(ends[step])
        part = asked[:, first:last]
        left = tails[step - 1][:, np.newaxis], tails[step][:, np.newaxis]
        height = asked[:, last - 1] - asked[:, first - 1]
        followed &= bool((np.abs(tails[step]) < MISSED * np.abs(height)).all())
        share = (part - asked[:, first - 1 : first]) / height[:, np.newaxis]
        settled = left[0] + share * (left[1] - left[0])
        areas.append((missing[:, first:last] - settled).sum(axis=1) / height)
    return np.stack(areas, axis=1) / samples.rate_hz, followed


def _reach(array: WiredArray) -> FloatArray:
    return REACH * np.minimum(-array.description.clamp_lower, array.description.clamp_upper)
