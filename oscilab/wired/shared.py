"""A front end that one thread drives while another one watches it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from oscilab.arrays.description import Identity
from oscilab.types import IntArray, Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import (
    Aborted,
    AnalogFrontEnd,
    CountingFrontEnd,
    FrontEndCapability,
    Samples,
)
from oscilab.wired.waveform import Waveform

AGAIN_S = 0.02
"""After which an `abort` that was not heeded is given once more."""


class SharedFrontEnd:
    """A front end between the thread that drives and the one that watches.

    `read_inputs` may overlap with `exchange` and `pause`; `stop` aborts these and nothing else, and
    not where they are `protected`: a ramp to safe values that has begun must come to its end.
    """

    def __init__(self, front_end: AnalogFrontEnd) -> None:
        self._front_end = front_end
        self._call = threading.Lock()
        self._gate = threading.Lock()
        self._abortable = self._stopped = self._protected = False

    @property
    def channels(self) -> ChannelTable:
        """Those of the front end."""
        return self._front_end.channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """Those of the front end."""
        return self._front_end.capabilities

    @property
    def hardware(self) -> str | None:
        """That of the front end."""
        return self._front_end.hardware

    def connect(self) -> Identity:
        """See `AnalogFrontEnd`."""
        with self._call:
            return self._front_end.connect()

    def close(self) -> None:
        """See `AnalogFrontEnd`."""
        with self._call:
            self._front_end.close()

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
            return self._front_end.read_inputs(inputs, samples)

    def pause(self, seconds: float) -> None:
        """See `AnalogFrontEnd`."""
        with self._abortably():
            self._front_end.pause(seconds)

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: IntArray,
    ) -> Samples:
        """See `AnalogFrontEnd`.

        Raises:
            Aborted: also where `stop` came before it began.
        """
        with self._abortably():
            if self._stopped:
                raise Aborted("a waveform was stopped before its first sample")
            return self._front_end.exchange(waveform, rate_hz, inputs, read)

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
        """Abort an `exchange` or `pause` that another thread is in, and any `exchange` to come.

        Returns once none is under way: one that was about to begin may not heed the first `abort`.
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
        """Within it `stop` aborts nothing."""
        with self._gate:
            self._protected = True
        try:
            yield
        finally:
            with self._gate:
                self._protected = False

    @contextmanager
    def _abortably(self) -> Generator[None]:
        with self._gate:
            self._abortable = not self._protected
        try:
            yield
        finally:
            with self._gate:
                self._abortable = False
