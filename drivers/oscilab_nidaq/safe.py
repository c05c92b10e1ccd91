"""Safe values that NI boards reach by themselves: by a watchdog, or after a reset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.wired.channels import Channel
from oscilab.wired.limits import Limits
from oscilab_nidaq.boards import Connection, channels_of

if TYPE_CHECKING:
    # These import nidaqmx, which only a connected device needs.
    from oscilab_nidaq.lines import Static
    from oscilab_nidaq.session import Session


def safe_levels(limits: Limits) -> dict[Channel, float]:
    """Return the safe value of every wired output."""
    outputs = zip(limits.channels.outputs, limits.wired.tolist(), limits.safe.tolist(), strict=True)
    return {channel: safe for channel, wired, safe in outputs if wired}


def check_watchdogs(connection: Connection, outputs: Sequence[Channel], where: str) -> None:
    """Refuse a watchdog that would not bring down all of `outputs`.

    `where` is the connection table, for messages.

    Raises:
        InvalidInput: an output on a board that has no watchdog timer.
    """
    if connection.watchdog_s is None:
        return
    for channel in outputs:
        board = channel.name.partition("/")[0]
        if not connection.boards[board].watchdog:
            raise InvalidInput(
                f"{where}.watchdog_s is "
                f"{connection.watchdog_s:g}, but board {board} "
                f"({connection.boards[board].product}) has no watchdog timer: when this computer "
                "falls silent, its outputs stay where they are; leave watchdog_s away, and guard "
                "the outputs by other means"
            )


def reset_boards(
    session: Session, static: Static, connection: Connection, safe: Mapping[Channel, float]
) -> None:
    """Reset the boards, which removes every reservation, then set their safe values.

    Every board is tried, also after one that failed.

    Raises:
        nidaqmx.errors.Error: the first board that failed.
    """
    from nidaqmx.errors import Error

    volts = np.array([safe.get(channel, 0.0) for channel in channels_of(connection).outputs])
    failed: Error | None = None
    for board in connection.boards:
        try:
            session.device(board).reset_device()
            if safe:
                static.set(volts, connection.timeout_s, board)
        except Error as error:
            failed = failed or error
    if failed is not None:
        raise failed
