"""Playing a waveform, step by step where a front end has no sample clock; what came back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from oscilab.errors import DeviceFailed
from oscilab.types import IntArray, Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import AnalogFrontEnd, FrontEndCapability, Samples
from oscilab.wired.waveform import Waveform

LOOK_EVERY_S = 0.05


def play_waveform(
    front_end: AnalogFrontEnd,
    waveform: Waveform,
    levels: Volts,
    rate_hz: float,
    inputs: Sequence[str],
    read: IntArray,
    look: Callable[[Volts | None], None] | None = None,
) -> Samples:
    """`AnalogFrontEnd.exchange`, by the hardware's clock where it has one.

    `levels` `[output]` is what the outputs are at, and without a clock is kept so, however playing
    ends: they stay at the last level that was set. Then `look` gets every reading
    `[input]`, and None where there was none for `LOOK_EVERY_S`; it raises where playing must stop.
    """
    if FrontEndCapability.HARDWARE_TIMED in front_end.capabilities:
        return front_end.exchange(waveform, rate_hz, inputs, read)
    volts = np.empty((len(inputs), waveform.repeats, len(read)))
    wait = _Waiting(front_end, look)
    for repeat in range(waveform.repeats):
        taken = 0
        now = 0
        for step, end in enumerate(waveform.ends.tolist()):
            levels[waveform.lines] = waveform.levels[:, step]
            front_end.set_outputs(levels.copy())
            while taken < len(read) and read[taken] < end:
                wait.pause((int(read[taken]) + 1 - now) / rate_hz)
                now = int(read[taken]) + 1
                volts[:, repeat, taken] = front_end.read_inputs(inputs)[:, 0]
                wait.look(volts[:, repeat, taken])
                taken += 1
            if now < end:
                wait.pause((end - now) / rate_hz)
                now = end
    return Samples(volts, rate_hz)


class _Waiting:
    """Pauses of a front end, cut where it is time to look."""

    def __init__(
        self, front_end: AnalogFrontEnd, look: Callable[[Volts | None], None] | None
    ) -> None:
        self._front_end = front_end
        self._look = look
        self._since = 0.0

    def look(self, volts: Volts | None) -> None:
        """Hand on a reading, or the wish for one."""
        self._since = 0.0
        if self._look is not None:
            self._look(volts)

    def pause(self, seconds: float) -> None:
        """Let so much of the front end's time pass."""
        if self._look is not None:
            while self._since + seconds > LOOK_EVERY_S:
                self._front_end.pause(LOOK_EVERY_S - self._since)
                seconds -= LOOK_EVERY_S - self._since
                self.look(None)
        self._since += seconds
        self._front_end.pause(seconds)


def check_inside(channels: ChannelTable, inputs: Sequence[str], volts: Volts, device: str) -> None:
    """Whether all readings `[input, repeat, reading]` lie inside their inputs' ranges.

    Raises:
        DeviceFailed: one reaches an end of it, or is not a number.
    """
    if not volts.size:
        return
    lower, upper = channels.reach_of(inputs)
    flat = volts[: len(inputs)].reshape(len(inputs), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)
    # NaN makes both comparisons false.
    inside = (low > lower) & (high < upper)
    if not inside.all():
        row = int(np.flatnonzero(~inside)[0])
        channel = channels.input(inputs[row])
        raise DeviceFailed(
            f"input {channel.name} of device {device} reads {low[row]:g} to {high[row]:g} "
            f"V, which reaches the end of its range {channel.lower:g} to {channel.upper:g} V; "
            "use a wider range or a smaller signal, and check the sensor"
        )
