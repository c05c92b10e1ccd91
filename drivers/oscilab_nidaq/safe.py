"""What a watchdog brings the outputs to: the bench's own safe values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from oscilab.errors import InvalidInput
from oscilab.wired.channels import Channel
from oscilab.wired.limits import Limits
from oscilab.wired.opening import device_potential, read_wiring
from oscilab_nidaq.connection import Connection, channels_of

if TYPE_CHECKING:
    from oscilab.bench.devices import Device


def safe_levels(connection: Connection, device: Device) -> Mapping[Channel, float]:
    """The safe value of every wired output; empty where the bench wants no watchdog.

    Raises:
        InvalidInput: a wired output on a board that has no watchdog timer.
    """
    if connection.watchdog_s is None:
        return {}
    channels = channels_of(connection)
    wiring = read_wiring(device, device_potential(device), channels)
    where = f"{device.where}: devices.{device.name}"
    limits = Limits(device.table.limits or {}, wiring, channels, f"{where}.limits")
    found: dict[Channel, float] = {}
    for channel, wired, safe in zip(
        channels.outputs, limits.wired.tolist(), limits.safe.tolist(), strict=True
    ):
        if not wired:
            continue
        board = channel.name.partition("/")[0]
        if not connection.boards[board].watchdog:
            raise InvalidInput(
                f"{where}.connection.watchdog_s is {connection.watchdog_s:g}, but board {board} "
                f"({connection.boards[board].product}) has no watchdog timer: when this computer "
                "falls silent, its outputs stay where they are; leave watchdog_s away, and guard "
                "the outputs by other means"
            )
        found[channel] = safe
    return found
