"""Two threads on one front end: one drives, the other watches the interlocks.

The second thread exists only where the front end can read inputs beside `exchange` and `pause`
(`LIVE_INPUTS`). Elsewhere the thread that drives looks at the interlocks between its calls.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import numpy as np

from oscilab.errors import DeviceFailed, OscilabError
from oscilab.types import IntArray, Volts
from oscilab.wired.front_end import (
    Aborted,
    AnalogFrontEnd,
    CountingFrontEnd,
    FrontEndCapability,
    Samples,
)
from oscilab.wired.interlocks import Beats, Interlocks
from oscilab.wired.waveform import Waveform

logger = logging.getLogger(__name__)
AGAIN_S = 0.02
"""An `abort` that had no effect is repeated after this time."""
EVERY_S = 0.02
"""Between two looks at the interlocks."""
PATIENCE_S = 10.0
"""How long a front end may take over one reading of its inputs."""


class SharedFrontEnd:
    """A front end between the thread that drives and the one that watches.

    `read_inputs` may overlap with `exchange` and `pause`. `stop` aborts these two and nothing else,
    and not while they are `protected`: a ramp to safe values that has begun must reach its end.
    """

    def __init__(self, front_end: AnalogFrontEnd) -> None:
        self.channels = front_end.channels
        self.capabilities = front_end.capabilities
        self._front_end = front_end
        self._call = threading.Lock()
        self._gate = threading.Lock()
        self._abortable = self._stopped = self._protected = False

    def read_outputs(self) -> Volts:
        """See `AnalogFrontEnd`."""
        with self._call:
            return self._front_end.read_outputs()

    def set_outputs(self, volts: Volts) -> None:
        """See `AnalogFrontEnd`."""
        with self._call:
            self._front_end.set_outputs(volts)

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """See `AnalogFrontEnd`."""
        with self._call:
            volts = self._front_end.read_inputs(inputs, samples)
        if volts.shape != (len(inputs), samples):
            raise _misshapen(volts, "[input, sample]", (len(inputs), samples))
        return volts

    def pause(self, seconds: float) -> None:
        """See `AnalogFrontEnd`."""
        with self._gate:
            self._abortable = not self._protected
        try:
            self._front_end.pause(seconds)
        finally:
            with self._gate:
                self._abortable = False

    def exchange(
        self, waveform: Waveform, rate_hz: float, inputs: Sequence[str], read: IntArray
    ) -> Samples:
        """See `AnalogFrontEnd`.

        Raises:
            Aborted: also where `stop` came before it began.
        """
        with self._gate:
            self._abortable = not self._protected
        try:
            if self._stopped:
                raise Aborted("a waveform was stopped before its first sample")
            found = self._front_end.exchange(waveform, rate_hz, inputs, read)
        finally:
            with self._gate:
                self._abortable = False
        wanted = (len(inputs), waveform.repeats, len(read))
        if found.volts.shape != wanted:
            raise _misshapen(found.volts, "[input, repeat, reading]", wanted)
        return found

    def played(self, waveform: Waveform) -> int | None:
        """See `CountingFrontEnd`; None where the front end does not count."""
        with self._call:
            if isinstance(self._front_end, CountingFrontEnd):
                return self._front_end.played(waveform)
        return None

    def abort(self) -> None:
        """See `AnalogFrontEnd`."""
        self._front_end.abort()

    def make_safe(self) -> None:
        """See `AnalogFrontEnd`."""
        with self._call:
            self._front_end.make_safe()

    def stop(self) -> None:
        """Abort an `exchange` or `pause` of another thread, and refuse every later `exchange`.

        Returns once none is in progress. One that is about to begin may miss the first `abort`.
        """
        with self._gate:
            self._stopped = True
        while True:
            with self._gate:
                if not self._abortable:
                    return
                self._front_end.abort()
            time.sleep(AGAIN_S)

    def resume(self) -> None:
        """Let waveforms play again."""
        self._stopped = False

    @contextmanager
    def protected(self) -> Generator[None]:
        """Keep `stop` from aborting anything within the block."""
        with self._gate:
            self._protected = True
        try:
            yield
        finally:
            with self._gate:
                self._protected = False


def _misshapen(volts: Volts, axes: str, wanted: tuple[int, ...]) -> DeviceFailed:
    return DeviceFailed(
        f"the front end returned readings of shape {volts.shape}, not {wanted}, which is {axes}; "
        "correct its driver"
    )


class InterlockThread:
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
        self._trip: BaseException | None = None
        self._finding = threading.Lock()

    def start(self) -> None:
        """Begin, and return once every heartbeat was seen to beat; do nothing if it runs already.

        Raises:
            InterlockTripped: one forbids driving, or does not beat.
            DeviceFailed: the interlocks cannot be read in time.
        """
        self.check()
        if self._thread is None:
            self._end, self._seen = threading.Event(), threading.Event()
            # A daemon: the process must be able to end where the front end never answers.
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
        """Wait until the thread has ended, and log a trip that nobody asked for."""
        if self._last is not None:
            self._last.join(PATIENCE_S)
        if self._trip is not None:
            logger.warning("%s", self._trip)

    @property
    def is_tripped(self) -> bool:
        """Whether it found a trip that `check` has not raised yet."""
        return self._trip is not None

    def check(self) -> None:
        """Raise what was found, once.

        Raises:
            InterlockTripped: an interlock tripped since the last `check`.
        """
        with self._finding:
            trip, self._trip = self._trip, None
            if trip is not None:
                self.stop()
                self._front_end.resume()
        if trip is not None:
            raise trip

    def _look(self, end: threading.Event, seen: threading.Event) -> None:
        beats = Beats(self._interlocks)
        every = min(EVERY_S, beats.shortest_s / 10)
        try:
            while not end.wait(every):
                volts = self._front_end.read_inputs(self._interlocks.channels)
                self._interlocks.check(volts)
                if beats.see(volts[:, 0], time.monotonic()):
                    seen.set()
        except BaseException as trip:  # noqa: BLE001  (raised in the thread that drives)
            if end.is_set():
                return  # the outputs are safe, or about to be
            # Both under one lock: a stop after `check` had let waveforms play again would abort
            # the first of them.
            with self._finding:
                self._trip = trip
                self._front_end.stop()
            seen.set()
            try:
                self._on_trip()
            except OscilabError as error:
                # The thread that drives meets the same failure, and raises it.
                logger.warning("outputs could not be made safe: %s", error)


class Watch:
    """Says whether outputs may be driven, and raises what forbids it.

    With `LIVE_INPUTS` a second thread looks at the interlocks and calls `on_trip`; without, they
    are looked at when the thread that drives asks.
    """

    def __init__(
        self, front_end: SharedFrontEnd, interlocks: Interlocks, on_trip: Callable[[], None]
    ) -> None:
        self._front_end = front_end
        self._interlocks = interlocks
        self._thread: InterlockThread | None = None
        if interlocks.channels and FrontEndCapability.LIVE_INPUTS in front_end.capabilities:
            self._thread = InterlockThread(front_end, interlocks, on_trip)
        self._stopped: BaseException | None = None

    @property
    def described(self) -> str:
        """When the interlocks are looked at, in words."""
        if self._thread is not None:
            return f"looked at every {1e3 * EVERY_S:g} ms"
        timed = FrontEndCapability.HARDWARE_TIMED in self._front_end.capabilities
        return "looked at " + ("after every waveform" if timed else "between steps")

    @property
    def is_tripped(self) -> bool:
        """Whether the thread has found a trip that was not raised yet."""
        return self._thread is not None and self._thread.is_tripped

    def begin(self) -> None:
        """Read the interlocks, and watch them from now on.

        Raises:
            InterlockTripped: one forbids driving, or tripped since this was last asked.
        """
        if self._stopped is not None:
            raise self._stopped
        if self._interlocks.channels:
            if self._thread is not None:
                self._thread.start()
            self._interlocks.check(self._front_end.read_inputs(self._interlocks.channels))

    def check(self) -> None:
        """Raise what stops the drive, or the trip that the thread has found."""
        if self._stopped is not None:
            raise self._stopped
        if self._thread is not None:
            self._thread.check()

    def check_now(self) -> None:
        """Do the same, and read the interlocks where no thread does."""
        self.check()
        if self._thread is None and self._interlocks.channels:
            self._interlocks.check(self._front_end.read_inputs(self._interlocks.channels))

    def check_reading(self, volts: Volts | None) -> None:
        """Do the same between two steps that the host plays.

        `volts` `[input]` is the last reading, which ends with the interlocks' inputs; None where
        there was none.
        """
        if volts is None:
            self.check_now()
            return
        self.check()
        first = len(volts) - len(self._interlocks.channels)
        self._interlocks.check(volts[first:, np.newaxis])

    def stop(self, reason: BaseException) -> None:
        """Raise `reason` from now on, and abort what plays."""
        self._stopped = reason
        self._front_end.stop()

    def end(self) -> None:
        """Watch no more; from any thread."""
        if self._thread is not None:
            self._thread.stop()

    def join(self) -> None:
        """Watch no more, and wait until the thread has ended."""
        if self._thread is not None:
            self._thread.stop()
            self._thread.join()
