"""A thread that tells the device that its host lives, several times in each timeout."""

from __future__ import annotations

import threading
from collections.abc import Callable

PER_TIMEOUT = 5
SLOWEST_S = 1.0


class Heartbeat:
    """Calls `beat` from a thread of its own until `stop`.

    It dies with the process, and that is its use: the device then makes its outputs safe by itself.
    """

    def __init__(self, beat: Callable[[], None], timeout_s: float) -> None:
        self._beat = beat
        self._every = min(timeout_s / PER_TIMEOUT, SLOWEST_S)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oscilab heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; idempotent."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._every):
            self._beat()
