"""What the device guards by itself: limits and interlocks of the bench, in codes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from oscilab.errors import DeviceFailed
from oscilab.wired.channels import ChannelTable
from oscilab.wired.interlocks import Interlock, Interlocks
from oscilab.wired.limits import Limits
from oscilab_firmware.connection import DIGITAL, Banks, CodedLine
from oscilab_firmware.session import Session


@dataclass(frozen=True, eq=False)
class Guards:
    """Limits and interlocks of the device called `name`; None where the bench was not read."""

    name: str
    limits: Limits | None = None
    interlocks: Interlocks | None = None

    def hand_over_limits(self, session: Session, banks: Banks) -> None:
        """Tell the device its limits; no output moves."""
        session.limit(self._limits(banks))

    def hand_over_interlocks(self, session: Session, banks: Banks, channels: ChannelTable) -> None:
        """Let the device watch the interlocks; it makes itself safe where one is not satisfied.

        Raises:
            DeviceFailed: more interlocks than the device can watch.
        """
        entries = self._interlocks(banks, channels)
        most = session.capabilities.max_interlocks
        if len(entries) > most:
            raise DeviceFailed(
                f"device {self.name} has {len(entries)} interlocks, but its firmware "
                f"watches {most}; wire some in series"
            )
        session.interlock(entries)

    def _limits(self, banks: Banks) -> list[tuple[int, int, int, int, float]]:
        entries: list[tuple[int, int, int, int, float]] = []
        limits = self.limits
        if limits is None:
            return entries
        for number in np.flatnonzero(limits.wired).tolist():
            line = banks.outputs[number]
            # A bound between two codes is rounded to the nearer one, as set-points are.
            lower, upper, safe = (
                line.code(float(v[number])) for v in (limits.lower, limits.upper, limits.safe)
            )
            slew = 0.0 if line.kind in DIGITAL else _rounded_up(float(limits.slew[number]))
            entries.append((number, lower, upper, safe, slew))
        return entries

    def _interlocks(self, banks: Banks, channels: ChannelTable) -> list[tuple[int, int, int]]:
        entries: list[tuple[int, int, int]] = []
        for lock in self.interlocks.locks.values() if self.interlocks else ():
            if lock.beats_every_s is not None:
                continue  # The host watches it, and reads it while waveforms play.
            number = channels.input_numbers[lock.channel]
            entries.append((number, *allowed_codes(lock, banks.inputs[number])))
        return entries


def allowed_codes(lock: Interlock, line: CodedLine) -> tuple[int, int]:
    """Return the lowest and highest code that allow driving; bounds round inwards."""
    if lock.level is not None:
        if line.kind in DIGITAL:
            return lock.level, lock.level
        middle = (0.5 - line.lower) / line.step
        high = math.floor(middle) + 1
        return (high, line.top) if lock.level else (0, high - 1)
    lower, upper = 0, line.top
    if lock.above is not None:
        lower = max(lower, math.floor((lock.above - line.lower) / line.step + 1e-9) + 1)
    if lock.below is not None:
        upper = min(upper, math.ceil((lock.below - line.lower) / line.step - 1e-9) - 1)
    if lower > line.top or upper < 0:
        return line.top, 0  # No code of this converter allows it.
    return lower, upper


def _rounded_up(slew: float) -> float:
    # A single-precision number rounds; the device must not refuse what the bench allows.
    return float(np.nextafter(np.float32(slew), np.float32(np.inf)))
