"""The line to a device: find its port on USB, open any port that pyserial knows, move bytes."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Annotated, Any

from pydantic import Field

from oscilab.bench.tables import Table
from oscilab.errors import DeviceFailed

WAIT_S = 0.1
"""How long a read waits for a first byte, and so how soon a reader sees that it shall end."""
WRITE_S = 1.0
"""How long a device may leave bytes untaken before they count as lost."""
CHUNK = 1 << 16


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


class Broken(Exception):
    """The line is gone: unplugged, closed by the other side, or never there."""


class Line:
    """An open port.

    One thread reads, any thread writes.

    Raises:
        Broken: it cannot be opened.
    """

    def __init__(self, where: str | UsbIdentity, baud: int) -> None:
        import serial

        # What pyserial lets out where the port is gone, or another thread closed it meanwhile.
        self._gone = (serial.SerialException, OSError, AttributeError, TypeError, ValueError)
        try:
            self.name = where if isinstance(where, str) else port_of(where)
            self._port = serial.serial_for_url(
                self.name, baudrate=baud, timeout=WAIT_S, write_timeout=WRITE_S
            )
        except (serial.SerialException, OSError, ValueError, DeviceFailed) as error:
            raise Broken(str(error)) from error
        self._is_socket = self.name.startswith("socket://")
        self._writing = threading.Lock()
        if self._is_socket:
            _send_at_once(self._port)

    def read(self) -> bytes:
        """What has come, waiting a little for the first of it; empty if nothing came.

        Raises:
            Broken: the line is gone.
        """
        port = self._port
        try:
            if not self._is_socket:
                return port.read(max(1, port.in_waiting))
            # A socket does not tell how much is waiting: a first byte, then whatever there is.
            port.timeout = WAIT_S
            first = port.read(1)
            if not first:
                return first
            port.timeout = 0
            return first + port.read(CHUNK)
        except self._gone as error:
            raise Broken(str(error)) from error

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            Broken: the line is gone, or the device takes nothing.
        """
        try:
            with self._writing:
                self._port.write(data)
        except self._gone as error:
            raise Broken(str(error)) from error

    def interrupt(self) -> None:
        """Let a read that waits return, as far as the port can."""
        with suppress(*self._gone):
            if self._is_socket:
                with _socket_of(self._port) as handle:
                    handle.shutdown(socket.SHUT_RD)
            else:
                self._port.cancel_read()

    def close(self) -> None:
        """Let go of it; idempotent."""
        if self._is_socket:
            # pyserial sleeps after closing a socket, for which nobody has to wait.
            threading.Thread(target=self._close, daemon=True).start()
        else:
            self._close()

    def _close(self) -> None:
        # pyserial forgets a socket, open, whose other side has gone.
        handle = getattr(self._port, "_socket", None)
        with suppress(*self._gone):
            self._port.close()
        if handle is not None:
            handle.close()


def _send_at_once(port: Any) -> None:
    # A small frame must not wait for the acknowledgement of the one before it.
    with _socket_of(port) as handle:
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _socket_of(port: Any) -> socket.socket:
    return socket.fromfd(port.fileno(), socket.AF_INET, socket.SOCK_STREAM)
