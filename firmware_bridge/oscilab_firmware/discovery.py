"""Finding a device by the identity that it has on USB, whatever port it was given today."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from oscilab.bench.tables import Table
from oscilab.errors import DeviceFailed


class UsbIdentity(Table):
    """A device on USB: vendor, product, and the serial number where there are several."""

    vid: Annotated[int, Field(ge=0, le=0xFFFF)]
    pid: Annotated[int, Field(ge=0, le=0xFFFF)]
    serial: str | None = None

    def __str__(self) -> str:
        serial = f" with serial number {self.serial}" if self.serial else ""
        return f"USB device {self.vid:04x}:{self.pid:04x}{serial}"


def port_of(identity: UsbIdentity) -> str:
    """The name of the port, such as COM3 or /dev/ttyACM0, that `identity` has now.

    Raises:
        DeviceFailed: there is none, or more than one.
    """
    from serial.tools.list_ports import comports

    there = list(comports())
    found = [
        port
        for port in there
        if (port.vid, port.pid) == (identity.vid, identity.pid)
        and identity.serial in (None, port.serial_number)
    ]
    if not found:
        known = ", ".join(
            f"{port.device} ({port.vid:04x}:{port.pid:04x} {port.serial_number or ''})".replace(
                " )", ")"
            )
            for port in there
            if port.vid is not None and port.pid is not None
        )
        raise DeviceFailed(
            f"there is no {identity} (on USB: {known or 'no serial port'}); plug it in, or mend "
            "connection.usb"
        )
    if len(found) > 1:
        serials = ", ".join(f"{port.serial_number or 'none'} on {port.device}" for port in found)
        raise DeviceFailed(
            f"{len(found)} ports are a {identity} (serial numbers {serials}); name one with "
            "connection.usb.serial"
        )
    return found[0].device
