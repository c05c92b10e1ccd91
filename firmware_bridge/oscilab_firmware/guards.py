"""What the device watches over by itself: limits and interlocks of the bench, in codes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oscilab.bench.tables import validated
from oscilab.errors import DeviceFailed
from oscilab.wired.channels import ChannelTable
from oscilab.wired.interlocks import Interlock
from oscilab.wired.limits import Limits
from oscilab.wired.opening import device_potential, read_wiring
from oscilab_firmware.connection import DIGITAL, Banks, CodedLine
from oscilab_firmware.session import Session

if TYPE_CHECKING:
    from oscilab.bench.devices import Device


@dataclass(frozen=True, eq=False)
class Guards:
    """Limits and interlocks of a device."""

    device: Device

    def hand_over_limits(self, session: Session, banks: Banks, channels: ChannelTable) -> None:
        """Tell the device its limits; no output moves.

        Raises:
            InvalidInput: the bench's limits cannot be used.
        """
        session.limit(self._limits(banks, channels))

    def hand_over_interlocks(self, session: Session, banks: Banks, channels: ChannelTable) -> None:
        """Let the device watch the interlocks; where one does not hold, it makes itself safe.

        Raises:
            DeviceFailed: more interlocks than the device can watch.
        """
        entries = self._interlocks(banks, channels)
        most = session.capabilities.max_interlocks
        if len(entries) > most:
            raise DeviceFailed(
                f"device {self.device.name} has {len(entries)} interlocks, but its firmware "
                f"watches {most}; wire some in series"
            )
        session.interlock(entries)

    def _limits(
        self, banks: Banks, channels: ChannelTable
    ) -> list[tuple[int, int, int, int, float]]:
        device = self.device
        wiring = read_wiring(device, device_potential(device), channels)
        where = f"{device.where}: devices.{device.name}.limits"
        limits = Limits(device.table.limits or {}, wiring, channels, where)
        entries: list[tuple[int, int, int, int, float]] = []
        for number in np.flatnonzero(limits.wired).tolist():
            line = banks.outputs[number]
            # A bound between two codes counts as the nearer one, as set-points do.
            lower, upper, safe = (
                line.code(float(v[number])) for v in (limits.lower, limits.upper, limits.safe)
            )
            slew = 0.0 if line.kind in DIGITAL else _rounded_up(float(limits.slew[number]))
            entries.append((number, lower, upper, safe, slew))
        return entries

    def _interlocks(self, banks: Banks, channels: ChannelTable) -> list[tuple[int, int, int]]:
        where = f"{self.device.where}: devices.{self.device.name}.interlocks"
        entries: list[tuple[int, int, int]] = []
        for name, value in (self.device.table.interlocks or {}).items():
            lock = validated(Interlock, value, where, [name])
            if lock.beats_every_s is not None:
                continue  # Heard by the host, which reads it while waveforms play.
            number = channels.input_numbers[lock.channel]
            entries.append((number, *_window(lock, banks.inputs[number])))
        return entries


def guards_of(device: Device) -> Guards:
    """Those that a bench describes; they are looked at once the device is connected."""
    return Guards(device)


def _window(lock: Interlock, line: CodedLine) -> tuple[int, int]:
    """The codes that allow driving; inwards of bounds between two codes."""
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
    # A single rounds; what the bench allows must not be refused for that.
    return float(np.nextafter(np.float32(slew), np.float32(np.inf)))
