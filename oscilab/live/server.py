"""The thread of a run that publishes and answers; the run itself never waits for it."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import zmq

from oscilab.live.address import Address
from oscilab.live.control import MOST_BYTES, Budget, Doorkeeper
from oscilab.live.message import Arrays, Message, pack

logger = logging.getLogger(__name__)
LOOPBACK = "tcp://127.0.0.1"
TICK_S = 0.05
"""Between two lots of messages: 20 in a second are as many as anybody can see."""
MOST_WAITING = 32
"""Messages that wait for a viewer that lags; further ones are not for it."""
MOST_REQUESTS_WAITING = 16
LINGER_MS = 200
Publish = Callable[[str, dict[str, Any], Arrays], None]


class Server:
    """Both sockets, bound to free ports of this computer when it is made.

    `answers` is set before `start`. Every 50 ms `tick` is called to publish, in the server's
    thread; its argument says whether a viewer has come since, who knows nothing yet. Where nobody
    listens it is not called.

    Raises:
        zmq.ZMQError: no port is to be had.
    """

    def __init__(self, tick: Callable[[Publish, bool], None]) -> None:
        self._tick = tick
        self._context = zmq.Context[zmq.Socket[bytes]]()
        self._stream = self._context.socket(zmq.XPUB)
        self._control = self._context.socket(zmq.ROUTER)
        self._stream.set(zmq.SNDHWM, MOST_WAITING)
        # Every viewer that comes is told of, not the first alone.
        self._stream.set(zmq.XPUB_VERBOSE, 1)
        self._control.set(zmq.RCVHWM, MOST_REQUESTS_WAITING)
        self._control.set(zmq.SNDHWM, MOST_REQUESTS_WAITING)
        for socket in (self._stream, self._control):
            socket.set(zmq.LINGER, LINGER_MS)
            socket.set(zmq.MAXMSGSIZE, 4 * MOST_BYTES)
        try:
            ports = [
                socket.bind_to_random_port(LOOPBACK) for socket in (self._stream, self._control)
            ]
        except zmq.ZMQError:
            self._context.destroy(0)
            raise
        self.stream, self.control = (f"{LOOPBACK}:{port}" for port in ports)
        self.doorkeeper: Doorkeeper | None = None
        self._identity = secrets.token_hex(8)
        self._number = 0
        self._viewers = 0
        self._failed = False
        self._budget = Budget()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="live", daemon=True)

    def start(self, address: Address, doorkeeper: Doorkeeper) -> None:
        """Begin to publish and to answer."""
        self._identity = address.identity
        self.doorkeeper = doorkeeper
        self._thread.start()

    def discard(self) -> None:
        """Give the ports back of a server that was never started."""
        self._context.destroy(0)

    def stop(self) -> None:
        """End it, with one last tick; at most some tenths of a second."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._stream, zmq.POLLIN)
        poller.register(self._control, zmq.POLLIN)
        try:
            due = time.monotonic()
            while not self._done.is_set():
                now = time.monotonic()
                if now >= due:
                    due = now + TICK_S
                    self._publish_all()
                wait = max(0.0, due - time.monotonic())
                ready = dict(poller.poll(round(1000 * wait)))
                if self._control in ready and not self._answer_all():
                    # Over budget: the door stays shut for a moment.
                    self._done.wait(min(wait, 2e-3))
            self._publish_all()
        finally:
            self._context.destroy(LINGER_MS)

    def _publish_all(self) -> None:
        came = False
        while self._stream.poll(0):
            message = self._stream.recv(zmq.NOBLOCK)
            came = came or message[:1] == b"\x01"
            self._viewers += 1 if message[:1] == b"\x01" else 0
            if message[:1] == b"\x00":
                self._viewers = 0
        if not self._viewers:
            return
        try:
            self._tick(self._publish, came)
        except Exception:
            # Whatever cannot be shown, this thread also takes the request for the safe state.
            if not self._failed:
                logger.exception("the run cannot be watched as it should; it can still be stopped")
            self._failed = True

    def _publish(self, kind: str, body: dict[str, Any], arrays: Arrays) -> None:
        message = Message(kind, self._identity, self._number, time.time(), body, arrays)
        self._number += 1
        # Dropped for viewers that lag; it never blocks.
        self._stream.send_multipart(pack(message), zmq.NOBLOCK, copy=False)

    def _answer_all(self) -> bool:
        """Whether all that came was answered."""
        while self._control.poll(0):
            if not self._budget.spend():
                return False
            frames = self._control.recv_multipart(zmq.NOBLOCK, copy=False)
            if self.doorkeeper is None:
                continue
            who = str(frames[-1].get("Peer-Address"))
            # A request is one frame; a REQ socket puts an empty one before it.
            request = frames[-1].bytes if len(frames) <= 3 else b""
            reply = json.dumps(self.doorkeeper.answer(request, who)).encode()
            envelope = [frame.bytes for frame in frames[:-1]] if len(frames) <= 3 else []
            # Dropped where the asker is gone or does not read.
            self._control.send_multipart([*(envelope or [frames[0].bytes]), reply], zmq.NOBLOCK)
        return True
