"""Driving a front end: every waveform and every reading passes here, checked on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import DeviceFailed
from oscilab.interruption import signals_held
from oscilab.wired.exchange import play_waveform
from oscilab.wired.front_end import AnalogFrontEnd
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.outputs import Outputs
from oscilab.wired.waveform import Waveform

Volts = NDArray[np.floating]


class Drive:
    """A connected front end under limits and interlocks.

    Nothing is written to it before the first call that drives; that call first brings the
    outputs to their safe values.
    """

    def __init__(
        self,
        front_end: AnalogFrontEnd,
        limits: Limits,
        interlocks: Interlocks,
        name: str,
        assume_safe: bool = False,
    ) -> None:
        self.front_end = front_end
        self.limits = limits
        self.interlocks = interlocks
        self.name = name
        self.outputs = Outputs(front_end, limits, assume_safe)
        self._energised = False

    def energise(self) -> None:
        """Check the interlocks, and once bring the outputs to their safe values.

        Raises:
            InterlockTripped: nothing is driven then.
        """
        self.check_interlocks()
        if not self._energised:
            self._energised = True
            self.outputs.make_safe()

    def check_interlocks(self) -> None:
        """Read them.

        Raises:
            InterlockTripped: one forbids driving.
        """
        channels = self.interlocks.channels
        if channels:
            self.interlocks.check(self.front_end.read_inputs(channels))

    def safe_now(self) -> None:
        """Outputs to their safe values, whoever moved them; interlocks are of no account."""
        self._energised = True
        self.make_safe()

    def go_to(self, target: Volts) -> None:
        """Ramp all wired outputs to `target` `[output]`."""
        self.limits.check(np.where(self.limits.wired, target, 0.0))
        self.energise()
        self.outputs.go_to(target)

    def exchange(
        self, waveform: Waveform, rate_hz: float, inputs: Sequence[str], read: NDArray[np.int64]
    ) -> Volts:
        """Play a waveform and read `inputs`: `[input, repeat, reading]`.

        Raises:
            OutOfLimits: before the first sample goes out.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        start = self.outputs.levels
        self.limits.check_waveform(waveform, start, rate_hz)
        self.energise()
        watched = [*inputs, *self.interlocks.channels]
        finished = False
        try:
            samples = play_waveform(self.front_end, waveform, start, rate_hz, watched, read)
            volts = samples.volts
            self.interlocks.check([readings.ravel() for readings in volts[len(inputs) :]])
            self._check_readings(inputs, volts)
            finished = True
        finally:
            # Where a waveform was stopped and nothing reads back, its last level is a guess as
            # good as any: the ramp to safe values starts from there.
            self.outputs.moved(waveform.lines, waveform.levels[:, -1])
            if not finished:
                self.front_end.abort()
                self.outputs.forget()
                self.make_safe()
        return volts[: len(inputs)]

    def make_safe(self) -> None:
        """Outputs to their safe values, if this drive ever moved them; idempotent."""
        if not self._energised:
            return
        with signals_held():
            try:
                self.outputs.make_safe()
            except BaseException:
                # Whatever broke the ramp, the outputs must not stay as they are.
                self.front_end.make_safe()
                self.outputs.forget()
                raise

    def _check_readings(self, inputs: Sequence[str], volts: Volts) -> None:
        if not volts.size:
            return
        flat = volts[: len(inputs)].reshape(len(inputs), -1)
        for name, low, high in zip(inputs, flat.min(axis=1), flat.max(axis=1), strict=True):
            channel = self.front_end.channels.input(name)
            edge = 1.5 * channel.resolution
            # NaN makes both comparisons false.
            if not (low > channel.lower + edge and high < channel.upper - edge):
                raise DeviceFailed(
                    f"input {name} of device {self.name} reads {low:g} to {high:g} V, which "
                    f"reaches the end of its range {channel.lower:g} to {channel.upper:g} V; use a "
                    "wider range or a smaller signal, and check the sensor"
                )
