"""Watching interlocks from a second thread, while waveforms play and while the host computes.

Only with front ends that can read inputs beside `exchange` and `pause` (`LIVE_INPUTS`). Whoever
drives goes through `SharedFrontEnd`, which lets nothing else overlap.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from oscilab.errors import DeviceFailed, OscilabError
from oscilab.wired.interlocks import Beats, Interlocks
from oscilab.wired.shared import SharedFrontEnd

logger = logging.getLogger(__name__)
EVERY_S = 0.02
"""Between two looks at the interlocks."""
PATIENCE_S = 10.0
"""How long a front end may take over one reading of its inputs."""


class Watch:
    """Looks at the interlocks every 20 ms from `start` to `stop`.

    When one trips, or cannot be read, it stops what plays and calls `on_trip`, in its own thread;
    `check` raises the reason in the thread that drives.
    """

    def __init__(
        self, front_end: SharedFrontEnd, interlocks: Interlocks, on_trip: Callable[[], None]
    ) -> None:
        self._front_end = front_end
        self._interlocks = interlocks
        self._on_trip = on_trip
        self._thread: threading.Thread | None = None
        self._last: threading.Thread | None = None
        self._end = threading.Event()
        self._seen = threading.Event()
        self._trouble: BaseException | None = None
        self._finding = threading.Lock()

    def start(self) -> None:
        """Begin, and return once every heartbeat was seen to beat; nothing where it runs already.

        Raises:
            InterlockTripped: one forbids driving, or does not beat.
        """
        self.check()
        if self._thread is None:
            self._end, self._seen = threading.Event(), threading.Event()
            # A daemon: where the front end never answers, the process must still be able to end.
            self._thread = threading.Thread(
                target=self._look, args=(self._end, self._seen), name="interlocks", daemon=True
            )
            self._thread.start()
            patience = PATIENCE_S + self._interlocks.longest_beat_s
            if not self._seen.wait(patience):
                raise DeviceFailed(f"the interlocks could not be read within {patience:g} s")
        self.check()

    def stop(self) -> None:
        """End soon; idempotent."""
        self._end.set()
        self._thread, self._last = None, self._thread or self._last

    def join(self) -> None:
        """Wait until it ended, and tell of what it found that nobody asked for."""
        if self._last is not None:
            self._last.join(PATIENCE_S)
        if self._trouble is not None:
            logger.warning("%s", self._trouble)

    @property
    def is_tripped(self) -> bool:
        """Whether it found something that `check` was not asked for yet."""
        return self._trouble is not None

    def check(self) -> None:
        """Raise what was found, once.

        Raises:
            InterlockTripped: an interlock tripped since this was last asked.
        """
        with self._finding:
            trouble, self._trouble = self._trouble, None
            if trouble is not None:
                self.stop()
                self._front_end.resume()
        if trouble is not None:
            raise trouble

    def _look(self, end: threading.Event, seen: threading.Event) -> None:
        beats = Beats(self._interlocks)
        every = min(EVERY_S, beats.shortest_s / 10)
        channels = self._interlocks.channels
        try:
            while not end.wait(every):
                volts = self._front_end.read_inputs(channels)
                self._interlocks.check(volts)
                if beats.see(volts[:, 0], time.monotonic()):
                    seen.set()
        except BaseException as trouble:  # noqa: BLE001  (handed to the thread that drives)
            if end.is_set():
                return  # the outputs are safe, or about to be
            # Both before anybody hears of it: a stop that came after `check` had let waveforms
            # play again would stop the first of them.
            with self._finding:
                self._trouble = trouble
                self._front_end.stop()
            seen.set()
            try:
                self._on_trip()
            except OscilabError as error:
                # The thread that drives comes to the same end, and raises it where it is heard.
                logger.warning("outputs could not be made safe: %s", error)
