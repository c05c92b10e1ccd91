"""The viewers' side: a subscription to a run's stream, and requests to it.

Only `Requests.ask` waits for the run, for a limited time.
"""

from __future__ import annotations

import json
import time
from typing import Any, Self, cast

import zmq

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.live.control import VERSION, Address
from oscilab.live.stream import TOPIC, Message, unpack

MOST_WAITING = 64
MOST_AT_ONCE = 64
PATIENCE_S = 2.0


class Subscription:
    """The messages of one run; a context manager that closes it.

    The queue of messages is bounded; `missed` counts those that were dropped.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.missed = 0
        self.heard: float | None = None
        self._next: int | None = None
        self._socket = _context().socket(zmq.SUB)
        self._socket.set(zmq.RCVHWM, MOST_WAITING)
        self._socket.set(zmq.LINGER, 0)
        self._socket.subscribe(TOPIC)
        self._socket.connect(address.stream)

    def take(self, wait_s: float = 0.0) -> list[Message]:
        """Return at most 64 new messages, after waiting up to `wait_s` for the first one.

        Raises:
            InvalidInput: a message has another version.
        """
        found: list[Message] = []
        if not self._socket.poll(round(1000 * wait_s)):
            return found
        while len(found) < MOST_AT_ONCE and self._socket.poll(0):
            message = unpack(self._socket.recv_multipart(zmq.NOBLOCK))
            if message.run != self.address.identity:
                # Another run may have taken the port.
                continue
            if self._next is not None:
                self.missed += max(0, message.number - self._next)
            self._next = message.number + 1
            found.append(message)
        if found:
            self.heard = time.monotonic()
        return found

    def close(self) -> None:
        """Stop listening; idempotent."""
        self._socket.close(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


class Requests:
    """Requests to a run: pause, resume, or go to the safe state."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._number = 0
        self._socket = _context().socket(zmq.DEALER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.SNDHWM, 8)
        self._socket.set(zmq.RCVHWM, 8)
        self._socket.connect(address.control)

    def send(self, action: str) -> int:
        """Request `pause`, `resume` or `safe`, and return the request's number at once.

        Raises:
            DeviceFailed: the run no longer takes requests.
        """
        self._number += 1
        request = {
            "version": VERSION,
            "token": self._address.token,
            "do": action,
            "number": self._number,
        }
        try:
            self._socket.send(json.dumps(request).encode(), zmq.NOBLOCK)
        except zmq.Again as error:
            raise DeviceFailed(
                f"run {self._address.run} takes no requests; see whether process "
                f"{self._address.pid} still runs, and use `oscilab safe` on its device"
            ) from error
        return self._number

    def take(self, wait_s: float = 0.0) -> dict[str, Any] | None:
        """Return the next answer in time, if any: `{"ok": true, "number": 1, "said": "..."}`."""
        if not self._socket.poll(round(1000 * wait_s)):
            return None
        try:
            answer: object = json.loads(self._socket.recv(zmq.NOBLOCK))
        except ValueError:
            return None
        return cast(dict[str, Any], answer) if isinstance(answer, dict) else None

    def ask(self, action: str, patience_s: float = PATIENCE_S) -> str:
        """Send a request, and return the answer's text.

        Raises:
            InvalidInput: the run refuses the request.
            DeviceFailed: it does not answer in time.
        """
        number = self.send(action)
        deadline = time.monotonic() + patience_s
        while (left := deadline - time.monotonic()) > 0:
            answer = self.take(left)
            if answer is None:
                continue
            if not answer.get("ok"):
                raise InvalidInput(f"run {self._address.run} {answer.get('said')}")
            if answer.get("number") == number:
                return str(answer.get("said"))
        raise DeviceFailed(
            f"run {self._address.run} did not answer within {patience_s:g} s; see whether process "
            f"{self._address.pid} still runs, and use `oscilab safe` on its device"
        )

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def _context() -> zmq.Context[zmq.Socket[bytes]]:
    # One per process: a separate context would wait for its sockets when it is deleted.
    shared: Any = zmq.Context
    return shared.instance()
