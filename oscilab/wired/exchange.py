"""Waveforms on front ends without a sample clock: set, wait and read, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oscilab.wired.front_end import AnalogFrontEnd, FrontEndCapability, Samples
from oscilab.wired.waveform import Waveform


def play_waveform(
    front_end: AnalogFrontEnd,
    waveform: Waveform,
    start: NDArray[np.floating],
    rate_hz: float,
    inputs: Sequence[str],
    read: NDArray[np.int64],
) -> Samples:
    """`AnalogFrontEnd.exchange`, by the hardware's clock where it has one.

    `start` `[output]` is what the outputs are at.
    """
    if FrontEndCapability.HARDWARE_TIMED in front_end.capabilities:
        return front_end.exchange(waveform, rate_hz, inputs, read)
    volts = np.empty((len(inputs), waveform.repeats, len(read)))
    levels = start.copy()
    for repeat in range(waveform.repeats):
        taken = 0
        now = 0
        for step, end in enumerate(waveform.ends.tolist()):
            levels[waveform.lines] = waveform.levels[:, step]
            front_end.set_outputs(levels.copy())
            while taken < len(read) and read[taken] < end:
                front_end.pause((int(read[taken]) + 1 - now) / rate_hz)
                now = int(read[taken]) + 1
                volts[:, repeat, taken] = front_end.read_inputs(inputs)[:, 0]
                taken += 1
            if now < end:
                front_end.pause((end - now) / rate_hz)
                now = end
    return Samples(volts, rate_hz)
