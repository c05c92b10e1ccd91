"""A host that uses only the byte layouts of the golden transcripts.

It shares no code with `oscilab_firmware`, so that the firmware is tested independently.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from cobs import cobs

GOLDEN = Path(__file__).parents[2] / "firmware_bridge" / "golden"
sys.path.insert(0, str(GOLDEN))

from frames import HEADER, LAYOUTS, TYPES, frame, pack  # noqa: E402
from transcript import body  # noqa: E402

NAMES = {number: name for name, number in TYPES.items()}
PATIENCE_S = 60.0


ZERO = 32768
STEP_V = 312.5e-6


class Refused(Exception):
    """The device answered with ERROR."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(str(fields))
        self.fields = fields
        self.code = fields["code"]


class RawDevice:
    """One session over a socket, with one command at a time."""

    def __init__(self, host: str, port: int, session: int = 0x5EED) -> None:
        self.socket = _connected(host, port)
        self.session = session
        self.sequence = 0
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._bytes = b""

    def __enter__(self) -> RawDevice:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.socket.close()

    def open(self) -> dict[str, Any]:
        """Open the session by HELLO."""
        return self.ask("HELLO", magic=0x4643534F, oldest=1, newest=1)

    def send(self, name: str, urgent: bool = False, **fields: Any) -> None:
        """Send one frame."""
        if not urgent:
            self.sequence = (self.sequence + 1) & 0xFFFF
        fields = {"session": self.session, "sequence": 0 if urgent else self.sequence} | fields
        payload, count = body(name, False, fields)
        self.socket.sendall(frame(TYPES[name], fields, payload, count))

    def ask(self, name: str, urgent: bool = False, **fields: Any) -> dict[str, Any]:
        """Send one frame and return its answer.

        Raises:
            Refused: the answer is ERROR.
        """
        self.send(name, urgent, **fields)
        found = self.wait(lambda kind, _: kind in (f"{name} answered", "ERROR"))
        if found["name"] == "ERROR":
            raise Refused(found)
        return found

    def wait(self, wanted: Callable[[str, dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the next wanted message; others are kept in `heard`."""
        for number, (name, fields) in enumerate(self.heard):
            if wanted(name, fields):
                del self.heard[number]
                return fields
        while True:
            name, fields = self._next()
            if wanted(name, fields):
                return fields
            self.heard.append((name, fields))

    def readings(self, exchange: int, inputs: int) -> list[list[int]]:
        """Return all rows of an exchange, and acknowledge them."""
        rows: list[list[int]] = []
        while True:
            said = self.wait(lambda name, _: name in ("READINGS", "EVENT"))
            if said["name"] == "EVENT":
                if said["event"] != 1:
                    raise Refused(said)
                return rows
            assert said["first_row"] == len(rows), "rows are missing"
            codes = said["codes"]
            rows += [codes[n : n + inputs] for n in range(0, len(codes), inputs)]
            self.send("READ_ACK", urgent=True, exchange=exchange, next_row=len(rows))

    def _next(self) -> tuple[str, dict[str, Any]]:
        while b"\0" not in self._bytes:
            self._bytes += self._received()
        encoded, _, self._bytes = self._bytes.partition(b"\0")
        if not encoded:
            return self._next()
        return _unpacked(cobs.decode(encoded))

    def _received(self) -> bytes:
        found = self.socket.recv(1 << 16)
        assert found, "the device closed the line"
        return found


def _connected(host: str, port: int) -> socket.socket:
    limit = time.monotonic() + PATIENCE_S
    while True:
        try:
            made = socket.create_connection((host, port), PATIENCE_S)
        except OSError:
            assert time.monotonic() < limit, f"nothing listens at {host}:{port}"
            time.sleep(0.05)
        else:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made


def _unpacked(data: bytes) -> tuple[str, dict[str, Any]]:
    head = dict(
        zip(
            ("version", "type", "sequence", "session", "time_ns", "count", "length"),
            HEADER.unpack(data[: HEADER.size]),
            strict=True,
        )
    )
    payload = data[HEADER.size : -4]
    own = head["type"] in NAMES
    name = NAMES[head["type"] if own else head["type"] & 0x7F]
    layout = name if own else f"{name}_ANSWER"
    if name in ("HEARTBEAT", "ABORT", "MAKE_SAFE"):
        layout = "STATUS"
    fields, size = _fields(LAYOUTS.get(layout, "<"), payload)
    if name == "EVENT":
        status, _ = _fields(LAYOUTS["STATUS"], payload[size:])
        fields |= status
    elif name != "CAPABILITIES":
        rest = payload[size:]
        fields["codes"] = list(struct.unpack(f"<{len(rest) // 2}H", rest))
    label = name if own else f"{name} answered"
    return label, head | fields | {"name": label, "payload": payload}


def _fields(layout: str, payload: bytes) -> tuple[dict[str, Any], int]:
    fields: dict[str, Any] = {}
    at = 0
    for part in layout[1:].split():
        code, name = part.split(":")
        fields[name] = struct.unpack_from("<" + code, payload, at)[0]
        at += struct.calcsize("<" + code)
    return fields, at


__all__ = ["GOLDEN", "RawDevice", "Refused", "pack"]


def code(volts):
    return round(volts / STEP_V) + ZERO


def volts(codes):
    return (np.asarray(codes) - ZERO) * STEP_V


def allow(device, outputs, digital, slew=1e7, timeout_ms=60_000):
    """Set limits of analog outputs 0 to `outputs` - 1 and one digital output, and the watchdog."""
    limits = [
        {"output": n, "lower": 768, "upper": 64768, "safe": ZERO, "slew": slew}
        for n in range(outputs)
    ]
    device.ask("LIMITS", limits=limits)
    device.ask(
        "LIMITS", limits=[{"output": digital, "lower": 0, "upper": 1, "safe": 1, "slew": 0.0}]
    )
    device.ask("WATCHDOG", timeout_ms=timeout_ms)
