"""What may stop a drive: interlocks, watched where the front end allows it, and other threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oscilab.types import Volts
from oscilab.wired.front_end import FrontEndCapability
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.shared import SharedFrontEnd
from oscilab.wired.watching import EVERY_S, Watch


class Guard:
    """Looks whether outputs may be driven, and raises what forbids it.

    Interlocks are watched by a second thread where the front end has `LIVE_INPUTS`, which calls
    `on_trip`; elsewhere they are looked at when somebody asks.
    """

    def __init__(
        self, front_end: SharedFrontEnd, interlocks: Interlocks, on_trip: Callable[[], None]
    ) -> None:
        self._front_end = front_end
        self._interlocks = interlocks
        self._watch: Watch | None = None
        if interlocks.channels and FrontEndCapability.LIVE_INPUTS in front_end.capabilities:
            self._watch = Watch(front_end, interlocks, on_trip)
        self._stopped: BaseException | None = None

    @property
    def watching(self) -> str:
        """When the interlocks are looked at, in words."""
        if self._watch is not None:
            return f"looked at every {1e3 * EVERY_S:g} ms"
        timed = FrontEndCapability.HARDWARE_TIMED in self._front_end.capabilities
        return "looked at " + ("after every waveform" if timed else "between steps")

    @property
    def is_tripped(self) -> bool:
        """Whether the watch has found something that nobody asked for yet."""
        return self._watch is not None and self._watch.is_tripped

    def check(self) -> None:
        """Read the interlocks, and begin to watch them.

        Raises:
            InterlockTripped: one forbids driving, or tripped since this was last asked.
        """
        if self._stopped is not None:
            raise self._stopped
        if self._interlocks.channels:
            if self._watch is not None:
                self._watch.start()
            self._read()

    def look(self) -> None:
        """Raise what stops the drive, or what the watch has found."""
        if self._stopped is not None:
            raise self._stopped
        if self._watch is not None:
            self._watch.check()

    def look_at_once(self) -> None:
        """The same, and read the interlocks where nobody watches them."""
        self.look()
        if self._watch is None and self._interlocks.channels:
            self._read()

    def look_at(self, volts: Volts | None) -> None:
        """The same between two steps that the host plays: at a reading whose last are the
        interlocks', where there was one.
        """
        if volts is None:
            self.look_at_once()
            return
        self.look()
        first = len(volts) - len(self._interlocks.channels)
        self._interlocks.check(volts[first:, np.newaxis])

    def stop(self, reason: BaseException) -> None:
        """Raise `reason` from now on, and stop what plays."""
        self._stopped = reason
        self._front_end.stop()

    def end(self) -> None:
        """Watch no more, from any thread."""
        if self._watch is not None:
            self._watch.stop()

    def join(self) -> None:
        """Watch no more, and wait until that is so."""
        if self._watch is not None:
            self._watch.stop()
            self._watch.join()

    def _read(self) -> None:
        self._interlocks.check(self._front_end.read_inputs(self._interlocks.channels))
