"""A line between host and firmware that loses, doubles, damages and cuts frames, or breaks."""

from __future__ import annotations

import contextlib
import random
import socket
import threading

DELIMITER = b"\0"
KINDS = ("flip", "drop", "double", "cut")


class BadLine:
    """Passes frames from `port` to `target`, and harms a fraction `rate` of them.

    `harmed` counts the harms. `break_off` ends the connection as an unplugged cable does; while
    `accepts` is cleared, no connection is made.
    """

    def __init__(self, target: str, rate: float, seed: int) -> None:
        host, _, port = target.removeprefix("socket://").rpartition(":")
        self._target = (host, int(port))
        self._rate, self._seed = rate, seed
        self.frames = 0
        self.harmed = dict.fromkeys(KINDS, 0)
        self.connections = 0
        self.accepts = threading.Event()
        self.accepts.set()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = True
        self.port = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._run(self._listen)

    def break_off(self) -> None:
        """Unplug the cable; it can be plugged in again."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def close(self) -> None:
        """Close the port and all connections."""
        self._open = False
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_off()
        for thread in self._threads:
            thread.join(10)

    def _run(self, what, *arguments) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while self._open:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self.accepts.is_set():
                near.close()
                continue
            far = socket.create_connection(self._target)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends += [near, far]
            self.connections += 1
            # Each direction has its own generator, so that threads do not share one.
            self._run(self._pass, near, far, random.Random(f"{self._seed} out {self.connections}"))
            self._run(self._pass, far, near, random.Random(f"{self._seed} in {self.connections}"))

    def _pass(self, source: socket.socket, sink: socket.socket, chance: random.Random) -> None:
        rest = b""
        with source:
            while True:
                try:
                    data = source.recv(1 << 16)
                    if not data:
                        break
                    *frames, rest = (rest + data).split(DELIMITER)
                    sink.sendall(b"".join(self._harmed(f + DELIMITER, chance) for f in frames))
                except OSError:
                    break
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

    def _harmed(self, frame: bytes, chance: random.Random) -> bytes:
        self.frames += 1
        if chance.random() >= self._rate:
            return frame
        kind = chance.choice(KINDS)
        self.harmed[kind] += 1
        if kind == "drop":
            return b""
        if kind == "double":
            return frame + frame
        if kind == "cut":
            return frame[: chance.randrange(len(frame))]
        bits = bytearray(frame)
        for _ in range(chance.choice((1, 1, 2, 8))):
            bits[chance.randrange(len(bits))] ^= 1 << chance.randrange(8)
        return bytes(bits)
