"""Where a run can be held or stopped by other threads: it asks between two batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from oscilab.interruption import MadeSafe

State = Literal["running", "pausing", "paused", "stopping"]
LOOK_EVERY_S = 0.2
"""Between two looks at what must be looked at while a run is held; Windows needs it for Ctrl-C."""


class Gate:
    """`pause`, `resume` and `stop` may be called by any thread, `passing` by the one that runs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._waits = False
        self._stop = ""
        self.held_s = 0.0
        """How long the run was held so far."""

    @property
    def state(self) -> State:
        """`pausing` until the batch that is being measured has ended, then `paused`."""
        with self._changed:
            if self._stop:
                return "stopping"
            if self._paused:
                return "paused" if self._waits else "pausing"
            return "running"

    def pause(self) -> None:
        """Hold the run before its next batch; idempotent."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """Let it go on; idempotent."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def stop(self, reason: str) -> None:
        """End the run before its next batch, held or not; idempotent."""
        with self._changed:
            self._stop = self._stop or reason
            self._changed.notify_all()

    def passing(self, meanwhile: Callable[[], None]) -> None:
        """Return when the run may go on; `meanwhile` is called every 0.2 s if it has to wait.

        Raises:
            MadeSafe: the run is to end.
        """
        began = time.monotonic()
        while True:
            with self._changed:
                if self._stop:
                    raise MadeSafe(self._stop)
                if not self._paused:
                    break
                self._waits = True
                self._changed.wait(LOOK_EVERY_S)
                still = self._paused and not self._stop
            if still:
                meanwhile()
        if self._waits:
            self._waits = False
            self.held_s += time.monotonic() - began
