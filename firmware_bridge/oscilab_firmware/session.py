"""A session with a device: handshake, requests, urgent messages, heartbeat."""

from __future__ import annotations

import secrets
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab_firmware.commands import Commands, Inbox, Link, Opener, Patience
from oscilab_firmware.connection import Banks, Connection
from oscilab_firmware.frames import VERSION, Frame
from oscilab_firmware.line import Line
from oscilab_firmware.messages import (
    ANSWER,
    ANY,
    CODE,
    MAGIC,
    Capabilities,
    Codes,
    Hello,
    Kind,
    Malformed,
    Status,
    codes_of,
    hello,
)

PER_TIMEOUT = 5
SLOWEST_S = 1.0
HELLO_S = 5.0
"""Timeout of the first answer; a USB port may still be starting."""
URGENT_S = 0.05
"""Time after which an urgent message is repeated."""
_PAIR = struct.Struct("<HH")
_LONG = struct.Struct("<Q")
_LIMIT = struct.Struct("<HHHHf")
_INTERLOCK = struct.Struct("<HHHH")
_WATCHDOG = struct.Struct("<II")


class Heartbeat:
    """Calls `beat` from a separate thread until `stop`.

    The thread is a daemon on purpose: when the process ends, the device makes its outputs safe.
    """

    def __init__(self, beat: Callable[[], None], timeout_s: float) -> None:
        self._beat = beat
        self._every = min(timeout_s / PER_TIMEOUT, SLOWEST_S)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oscilab heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; idempotent."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._every):
            self._beat()


class Session:
    """An open session with the device behind `opener`.

    Raises:
        DeviceFailed: no device answers, or it has another protocol version.
    """

    def __init__(self, opener: Opener, patience: Patience, reconnect_s: float) -> None:
        self._patience = patience
        self.number = secrets.randbelow(0xFFFFFFFF) + 1
        first = secrets.randbelow(1 << 16)
        self._most_rows = 1 << 16
        self.inbox = Inbox(self.number, lambda: self._most_rows)
        self.link = Link(opener, self.inbox, reconnect_s)
        self._heartbeat: Heartbeat | None = None
        self._urgent = threading.Lock()
        self._urgent_number = 0
        try:
            self.hello = self._shake_hands(first)
            room = min(self.hello.rx_bytes, 1 << 20)
            self.commands = Commands(self.link, self.inbox, self.number, first + 1, room, patience)
            answer = self.commands.call(Kind.CAPABILITIES)
            self.capabilities = Capabilities.of(answer.payload, answer.count)
        except Malformed as error:
            self.link.close()
            raise DeviceFailed(
                f"the device on {self.link.name} answers in another layout ({error}); give it "
                "this oscilab's firmware"
            ) from error
        except BaseException:
            self.link.close()
            raise

    def close(self, goodbye: bool = True) -> None:
        """End the session and close the line; outputs hold. Idempotent."""
        self.stop_heartbeat()
        try:
            if goodbye and not self.link.is_broken:
                self.commands.call(Kind.BYE)
        except DeviceFailed:
            pass  # The device is gone, and its watchdog makes the outputs safe.
        finally:
            self.link.close()

    def start_heartbeat(self, timeout_s: float) -> int:
        """Start the device's watchdog and heartbeats; return the longest ramp in ms."""
        answer = self.commands.call(Kind.WATCHDOG, round(timeout_s * 1000).to_bytes(4, "little"))
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self._beat, timeout_s)
        return int(_WATCHDOG.unpack(answer.payload)[1])

    def stop_heartbeat(self) -> None:
        """Stop the heartbeat; idempotent."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None

    def limit(self, entries: Sequence[tuple[int, int, int, int, float]]) -> None:
        """Set (output, lower, upper, safe, slew) of outputs."""
        for part in _parts(entries, (self.hello.max_payload - 4) // _LIMIT.size):
            payload = b"".join(_LIMIT.pack(*entry) for entry in part)
            self.commands.call(Kind.LIMITS, payload, len(part))

    def interlock(self, entries: Sequence[tuple[int, int, int]]) -> None:
        """Set (input, lower, upper) of all interlocks."""
        payload = b"".join(_INTERLOCK.pack(*entry, 0) for entry in entries)
        self.commands.call(Kind.INTERLOCKS, payload, len(entries))

    def get_outputs(self) -> Codes:
        """Return the codes of all outputs."""
        count = self.capabilities.outputs
        found: list[Codes] = []
        for part in _parts(range(count), (self.hello.max_payload - 4) // CODE.itemsize):
            answer = self.commands.call(Kind.GET_OUTPUTS, _PAIR.pack(part[0], len(part)))
            found.append(codes_of(answer.payload))
        return np.concatenate(found) if found else np.empty(0, np.uint16)

    def set_outputs(self, codes: Codes, first: int = 0) -> None:
        """Set outputs from number `first` on, at once as far as they fit into one frame."""
        for part in _parts(codes, (self.hello.max_payload - 4) // CODE.itemsize):
            payload = _PAIR.pack(first, 0) + part.astype(CODE).tobytes()
            self.commands.call(Kind.SET_OUTPUTS, payload, len(part))
            first += len(part)

    def read_inputs(self, inputs: Sequence[int], samples: int) -> Codes:
        """Return readings `[sample, input]` taken now."""
        largest = (self.hello.max_payload - 4) // CODE.itemsize
        numbers = np.asarray(inputs, CODE)
        most_inputs = min(largest, len(inputs)) or 1
        columns: list[NDArray[np.uint16]] = []
        for names in _parts(numbers, most_inputs):
            rows: list[Codes] = []
            for part in _parts(range(samples), max(1, largest // len(names))):
                payload = _PAIR.pack(len(part), 0) + names.tobytes()
                answer = self.commands.call(Kind.READ_INPUTS, payload, len(names))
                rows.append(codes_of(answer.payload).reshape(len(part), len(names)))
            columns.append(np.concatenate(rows))
        return np.concatenate(columns, axis=1) if columns else np.empty((samples, 0), np.uint16)

    def pause(self, duration_ns: int, aborted: threading.Event) -> None:
        """Wait `duration_ns` of the device's time, unless aborted.

        Raises:
            Refused: the device refused or aborted the pause.
        """

        def stop() -> None:
            # The device may have received the abort before the pause began.
            if aborted.is_set():
                self.abort()

        self.commands.call(Kind.PAUSE, _LONG.pack(duration_ns), meanwhile=stop)

    def clear(self) -> None:
        """Allow driving again after a trip."""
        self.commands.call(Kind.CLEAR)

    def abort(self) -> Status:
        """Abort the exchange or pause in progress at once; outputs hold."""
        return self.urgent(Kind.ABORT, ANY.to_bytes(4, "little"))

    def make_safe(self) -> Status:
        """Make all outputs safe, without waiting for commands."""
        return self.urgent(Kind.MAKE_SAFE)

    def status(self) -> Status:
        """Return the device's current status."""
        return self.urgent(Kind.HEARTBEAT)

    def urgent(self, kind: Kind, payload: bytes = b"") -> Status:
        """Send a message ahead of commands, and repeat it until it is answered.

        Raises:
            DeviceFailed: it was not answered.
        """
        number = self._next_urgent()
        data = Frame(kind, payload, number, self.number).encoded()
        deadline = time.monotonic() + self._patience.silence_s
        while True:
            self.link.send(data)
            status = self.inbox.wait(lambda: self.inbox.urgent(number), URGENT_S)
            if status is not None:
                return status
            if time.monotonic() > deadline and not self.link.is_broken:
                raise DeviceFailed(
                    f"the device on {self.link.name} did not answer {kind.name} within "
                    f"{self._patience.silence_s:g} s; check its outputs and its cable"
                )

    def acknowledge(self, exchange: int, next_row: int, again: bool) -> None:
        """Acknowledge rows up to `next_row`; with `again`, request those after it once more."""
        payload = struct.pack("<III", exchange, next_row, again)
        data = Frame(Kind.READ_ACK, payload, self._next_urgent(), self.number).encoded()
        self.link.send(data)

    def expect_rows_of(self, inputs: int) -> None:
        """Bound the queue of readings for an exchange with so many inputs, and empty it."""
        # The most that the device can have in transit, and as much again for repetitions.
        self._most_rows = 2 * self.capabilities.readings_bytes // (2 * max(inputs, 1)) + 16
        self.inbox.forget_readings()

    def _beat(self) -> None:
        self.link.send(Frame(Kind.HEARTBEAT, b"", self._next_urgent(), self.number).encoded())

    def _next_urgent(self) -> int:
        with self._urgent:
            self._urgent_number = (self._urgent_number + 1) % (1 << 16)
            return self._urgent_number

    def _shake_hands(self, sequence: int) -> Hello:
        data = Frame(Kind.HELLO, hello(VERSION, VERSION), sequence, self.number).encoded()
        deadline = time.monotonic() + max(HELLO_S, self._patience.silence_s)
        while time.monotonic() < deadline:
            self.link.send(data)
            answer = self.inbox.wait(self.inbox.answer, self._patience.reply_s)
            if answer is None or answer.type != Kind.HELLO | ANSWER:
                continue
            found = Hello.of(answer.payload)
            if found.magic != MAGIC:
                break
            if not found.chosen:
                raise DeviceFailed(
                    f"the device on {self.link.name} ({found.firmware}) speaks versions "
                    f"{found.oldest} to {found.newest} of the protocol, this oscilab speaks "
                    f"version {VERSION}; give the device the firmware of this oscilab"
                )
            return found
        raise DeviceFailed(
            f"nothing on {self.link.name} answered as oscilab's firmware does; check the port, "
            "the cable and the firmware"
        )


def _parts(items: Any, size: int) -> list[Any]:
    return [items[place : place + size] for place in range(0, len(items), size)]


def open_session(connection: Connection, name: str) -> Session:
    """Open a session with the hardware of the bench's device `name`.

    Raises:
        InvalidInput: the bench does not say where it is.
        DeviceFailed: no device answers, or it has another protocol version.
    """
    where = connection.port or connection.usb
    if where is None:
        raise InvalidInput(
            f"devices.{name}.connection names neither port nor usb; say where the device is, or "
            "use --simulate"
        )
    patience = Patience(connection.reply_s, connection.silence_s)
    # USB may rename a port when it is plugged in again; its identity finds it.
    return Session(lambda: Line(where, connection.baud), patience, connection.reconnect_s)


def check_device(session: Session, connection: Connection, banks: Banks, name: str) -> None:
    """Refuse a device that differs from its bench.

    Raises:
        DeviceFailed: the message names the difference.
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
        # Ramps are cut into updates; with another value their steps would be too large or slow.
        raise DeviceFailed(
            f"device {name}: the bench's update_s is {connection.update_s:g}, but its firmware "
            f"takes {made.update_us * 1e-6:g} s for a static update; correct it"
        )
