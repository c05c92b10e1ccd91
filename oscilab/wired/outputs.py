"""The outputs of a front end: where they are, and how they get elsewhere within their limits."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import numpy as np

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.types import Volts
from oscilab.wired.front_end import AnalogFrontEnd, FrontEndCapability
from oscilab.wired.limits import Limits

logger = logging.getLogger(__name__)


class Outputs:
    """Every change of the outputs goes through here, checked.

    `levels` `[output]` is what they are at, as far as is known.
    """

    def __init__(self, front_end: AnalogFrontEnd, limits: Limits, assume_safe: bool) -> None:
        self._front_end = front_end
        self.limits = limits
        self._assume_safe = assume_safe
        self._levels: Volts | None = None
        self._assumed = False

    @property
    def levels(self) -> Volts:
        """Volts, `[output]`; read back at first, or assumed safe where the bench says so.

        Raises:
            InvalidInput: they can neither be read back nor be assumed.
            DeviceFailed: what is read back is not a number.
        """
        if self._levels is None:
            if FrontEndCapability.OUTPUT_READBACK in self._front_end.capabilities:
                self._levels = self._read_back()
            elif self._assume_safe:
                self._levels = np.where(self.limits.wired, self.limits.safe, 0.0)
                self._assumed = True
            else:
                raise InvalidInput(
                    "the front end cannot read its outputs back, so that nobody knows where they "
                    'are; switch them to their safe values and state start = "assume-safe" in the '
                    "bench's settings"
                )
        return self._levels

    def _read_back(self) -> Volts:
        levels = self._front_end.read_outputs()
        lost = np.flatnonzero(self.limits.wired & ~np.isfinite(levels))
        if lost.size:
            number = int(lost[0])
            raise DeviceFailed(
                f"output {self.limits.channels.outputs[number].name} reads back as "
                f"{levels[number]:g} V, so that no ramp can start from there; check its board"
            )
        return levels

    @property
    def known(self) -> Volts | None:
        """`levels`, or None where they would have to be read back first."""
        return self._levels

    def forget(self) -> None:
        """What the outputs are at is no longer known, for example after a waveform was stopped."""
        if FrontEndCapability.OUTPUT_READBACK in self._front_end.capabilities:
            self._levels = None

    def lost(self) -> None:
        """Somebody else may have moved the outputs: read or assume anew where they are."""
        readable = FrontEndCapability.OUTPUT_READBACK in self._front_end.capabilities
        if readable or self._assume_safe:
            self._levels = None

    def moved(self, levels: Volts) -> None:
        """A waveform has left the outputs at `levels` `[output]`."""
        self._levels = levels

    def go_to(self, target: Volts, look: Callable[[], None]) -> None:
        """Ramp to `target` `[output]`; lines that nothing is wired to stay.

        `look` is called between steps, and raises where they must not go on.

        Raises:
            OutOfLimits: before anything moves.
        """
        wanted = np.where(self.limits.wired, target, self.levels)
        self.limits.check(wanted)
        self._ramp(wanted, look)

    def make_safe(self) -> None:
        """Ramp every wired output to its safe value within its slew limit; idempotent.

        The start may be out of limits: a line that another program drove is brought back, too.
        """
        self._ramp(np.where(self.limits.wired, self.limits.safe, self.levels))

    def _ramp(self, wanted: Volts, look: Callable[[], None] = lambda: None) -> None:
        start = self.levels
        # What was only assumed is written once, so that it is true.
        if np.array_equal(start, wanted) and not self._assumed:
            return
        self._assumed = False
        front_end, slew = self._front_end, self.limits.slew
        update = front_end.channels.update_s
        analog = np.isfinite(slew)
        seconds = np.max(np.abs(wanted - start)[analog] / slew[analog], initial=0.0)
        steps = max(1, math.ceil(seconds / update - 1e-9))
        for step in range(1, steps + 1):
            share = np.where(analog, step / steps, 1.0)
            level = wanted if step == steps else start + share * (wanted - start)
            self._levels = level.copy()
            front_end.set_outputs(level)
            if step < steps:
                front_end.pause(update)
                look()
