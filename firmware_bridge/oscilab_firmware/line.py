"""The line to a device: finding its USB port, opening any port of pyserial, moving bytes."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Annotated, Any

from pydantic import Field

from oscilab.bench.tables import Table
from oscilab.errors import DeviceFailed

WAIT_S = 0.1
"""Timeout of a read for its first byte, which bounds the time a reader takes to end."""
WRITE_S = 1.0
"""Timeout of a write, after which its bytes count as lost."""
CHUNK = 1 << 16


class UsbIdentity(Table):
    """The USB identity of a device: vendor, product, and a serial number if there are several."""

    vid: Annotated[int, Field(ge=0, le=0xFFFF)]
    pid: Annotated[int, Field(ge=0, le=0xFFFF)]
    serial: str | None = None

    def __str__(self) -> str:
        serial = f" with serial number {self.serial}" if self.serial else ""
        return f"USB device {self.vid:04x}:{self.pid:04x}{serial}"


def port_of(identity: UsbIdentity) -> str:
    """Return the current port of `identity`, such as COM3 or /dev/ttyACM0.

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
            f"there is no {identity} (on USB: {known or 'no serial port'}); plug it in, or correct "
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
    """An open port; one thread reads, any thread writes.

    Raises:
        Broken: the port cannot be opened.
    """

    def __init__(self, where: str | UsbIdentity, baud: int) -> None:
        import serial

        # Exceptions that pyserial raises when the port is gone or another thread closed it.
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
        """Return the bytes received, waiting briefly for the first; empty if there are none.

        Raises:
            Broken: the line is gone.
        """
        port = self._port
        try:
            if not self._is_socket:
                return port.read(max(1, port.in_waiting))
            # A socket does not report how much is waiting: read one byte, then the rest.
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
            Broken: the line is gone, or the device accepts no bytes.
        """
        try:
            with self._writing:
                self._port.write(data)
        except self._gone as error:
            raise Broken(str(error)) from error

    def interrupt(self) -> None:
        """Make a waiting read return, if the port supports it."""
        with suppress(*self._gone):
            if self._is_socket:
                with _socket_of(self._port) as handle:
                    handle.shutdown(socket.SHUT_RD)
            else:
                self._port.cancel_read()

    def close(self) -> None:
        """Close the port; idempotent."""
        if self._is_socket:
            # pyserial sleeps after closing a socket; do not wait for that.
            threading.Thread(target=self._close, daemon=True).start()
        else:
            self._close()

    def _close(self) -> None:
        # pyserial leaves a socket open when the other side has closed it.
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
