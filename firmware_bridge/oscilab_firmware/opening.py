"""From a connection table to an open session with the device that it describes."""

from __future__ import annotations

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab_firmware.banks import Banks
from oscilab_firmware.commands import Patience
from oscilab_firmware.connection import Connection
from oscilab_firmware.line import Line
from oscilab_firmware.session import Session


def open_session(connection: Connection, name: str) -> Session:
    """A session with the device of the bench's device `name`.

    Raises:
        InvalidInput: the bench does not say where it is.
        DeviceFailed: nobody answers, or it speaks another version.
    """
    where = connection.port or connection.usb
    if where is None:
        raise InvalidInput(
            f"devices.{name}.connection names neither port nor usb; say where the device is, or "
            "use --simulate"
        )
    patience = Patience(connection.reply_s, connection.silence_s)
    # A port that USB gave another name after it was plugged in again is found by its identity.
    return Session(lambda: Line(where, connection.baud), patience, connection.reconnect_s)


def check_device(session: Session, connection: Connection, banks: Banks, name: str) -> None:
    """Refuse a device that is not as its bench describes it.

    Raises:
        DeviceFailed: naming what differs.
    """
    made = session.capabilities
    banks.refuse_other(Banks(made.banks), f"device {name}")
    fastest = made.clock_hz / made.min_period
    if connection.max_rate_hz > fastest * (1 + 1e-9):
        raise DeviceFailed(
            f"device {name}: the bench's max_rate_hz is {connection.max_rate_hz:g}, but its "
            f"firmware takes at most {fastest:g} samples a second; lower it"
        )
    if abs(connection.update_s - made.update_us * 1e-6) > 1e-9:
        # Ramps are cut to it: another value would make their steps too large or too slow.
        raise DeviceFailed(
            f"device {name}: the bench's update_s is {connection.update_s:g}, but its firmware "
            f"takes {made.update_us * 1e-6:g} s for a static update; mend it"
        )
