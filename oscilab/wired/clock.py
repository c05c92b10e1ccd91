"""The sample clock where outputs may change slowly."""

from __future__ import annotations

import math

from oscilab.types import FloatArray
from oscilab.wired.waveform import Waveform

RAMP_SAMPLES = 1000
"""Samples in the longest ramp of a waveform: a faster clock would gain nothing but steps."""


def ramp_seconds(waveform: Waveform, slew: FloatArray, fastest_hz: float) -> float:
    """What the longest ramp between two steps takes within `slew` `[line]`, in volts per second.

    0 where no clock up to `fastest_hz` needs a ramp anywhere, which often is quicker to tell.
    """
    if ((waveform.highest - waveform.lowest) * fastest_hz <= slew).all():
        return 0.0
    return float((waveform.steepest / slew).max(initial=0.0))


def clock_for_ramps(fastest_hz: float, ramp_s: float) -> float:
    """The fastest clock at which a ramp of `ramp_s` seconds has no more than `RAMP_SAMPLES`."""
    return min(fastest_hz, RAMP_SAMPLES / ramp_s) if ramp_s else fastest_hz


def ramp_samples(ramp_s: float, rate_hz: float) -> int:
    """Samples that a ramp of `ramp_s` seconds takes."""
    return math.ceil(ramp_s * rate_hz)
