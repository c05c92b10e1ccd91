"""Driving a front end: every waveform and every reading passes here, checked on the way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import numpy as np

from oscilab.errors import DeviceFailed
from oscilab.interruption import signals_held
from oscilab.types import IntArray, Volts
from oscilab.wired.exchange import check_inside, play_waveform
from oscilab.wired.front_end import Aborted, AnalogFrontEnd, FrontEndCapability, Samples
from oscilab.wired.guard import Guard
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.outputs import Outputs
from oscilab.wired.shared import SharedFrontEnd
from oscilab.wired.waveform import Waveform

logger = logging.getLogger(__name__)


class Drive:
    """A connected front end under limits and interlocks.

    Nothing is written to it before the first call that drives; that call first brings the
    outputs to their safe values. From then on until they are safe again the interlocks are
    watched, where the front end has `LIVE_INPUTS`; elsewhere they are looked at before every
    call, in its readings, and between the steps of waveforms that the host plays itself.
    """

    def __init__(
        self,
        front_end: AnalogFrontEnd,
        limits: Limits,
        interlocks: Interlocks,
        name: str,
        assume_safe: bool = False,
    ) -> None:
        self.limits = limits
        self.interlocks = interlocks
        self.name = name
        self.front_end = SharedFrontEnd(front_end)
        self._guard = Guard(self.front_end, interlocks, self._tripped)
        self.outputs = Outputs(self.front_end, limits, assume_safe)
        self._energised = False
        # Held while outputs move: by the thread that drives, or by one that watches or stops it.
        self._moving = threading.RLock()

    @property
    def watching(self) -> str:
        """When the interlocks are looked at, in words."""
        return self._guard.watching

    def energise(self) -> None:
        """Check the interlocks, and once bring the outputs to their safe values.

        Raises:
            InterlockTripped: nothing is driven then.
        """
        self._guard.check()
        if not self._energised:
            self._energised = True
            self.outputs.make_safe()

    def look(self) -> None:
        """Whether outputs may stay as they are, for who holds them and does not drive.

        Raises:
            InterlockTripped: outputs are safe then.
        """
        with self._safe_if_stopped():
            self._guard.look_at_once()

    def stop(self, reason: BaseException) -> None:
        """Outputs to their safe values, from any thread, whatever plays; nothing drives afterwards.

        The thread that drives finds `reason` raised, now or in its next call.
        """
        self._guard.stop(reason)
        self.make_safe()

    def safe_now(self) -> None:
        """Outputs to their safe values, whoever moved them; interlocks are of no account.

        Where a ramp fails, the last resort is taken, and the ramp tried once more: what was in the
        way, such as a task that somebody left behind, is gone then.

        Raises:
            DeviceFailed: that failed as well.
        """
        self._energised = True
        try:
            self.make_safe()
        except DeviceFailed as error:
            logger.warning(
                "device %s could not be ramped to its safe values (%s); it was reset instead",
                self.name, error,
            )  # fmt: skip
            self.make_safe()

    def go_to(self, target: Volts) -> None:
        """Ramp all wired outputs to `target` `[output]`, from their safe values at first.

        Raises:
            OutOfLimits: before anything moves.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        self.limits.check(np.where(self.limits.wired, target, 0.0))
        with self._safe_if_stopped():
            self.energise()
            self.outputs.go_to(target, self._guard.look)

    def put(self, number: int, volts: float) -> None:
        """Ramp output `number` to `volts`, all others staying as they are found.

        Raises:
            OutOfLimits: before anything moves.
            InterlockTripped, DeviceFailed: outputs are safe then, if they had begun to move.
        """
        self.limits.check(np.array([[volts]]), np.array([number]))
        with self._safe_if_stopped():
            self._guard.check()
            self._energised = True
            target = self.outputs.levels.copy()
            target[number] = volts
            self.outputs.go_to(target, self._guard.look)

    def exchange(
        self, waveform: Waveform, rate_hz: float, inputs: Sequence[str], read: IntArray
    ) -> Samples:
        """Play a waveform and read `inputs`: volts `[input, repeat, reading]`, and the true rate.

        Raises:
            OutOfLimits: before the first sample goes out.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        watched = [*inputs, *self.interlocks.channels]
        with self._moving:
            # Where the watch has moved the outputs meanwhile, that is what is wrong with it.
            self._refuse_if_tripped()
            if not self._energised:
                # The way to safe values, which comes first, must not come after the check.
                self.limits.check_levels(waveform)
                with self._safe_if_stopped():
                    self.energise()
            start = self.outputs.levels
            self.limits.check_waveform(waveform, start, rate_hz)
            with self._safe_if_stopped():
                self.energise()
                samples = self._played(waveform, start.copy(), rate_hz, watched, read)
        return Samples(samples.volts[: len(inputs)], samples.rate_hz)

    def make_safe(self) -> None:
        """Outputs to their safe values, if this drive ever moved them; idempotent."""
        if not self._energised:
            return
        with signals_held(), self._moving, self.front_end.protected():
            self._guard.end()
            try:
                self.outputs.make_safe()
            except BaseException:
                # Whatever broke the ramp, the outputs must not stay as they are.
                self.outputs.lost()
                self.front_end.make_safe()
                raise

    def let_go(self) -> None:
        """Stop watching: nobody calls the front end afterwards; outputs stay as they are."""
        self._guard.join()

    def _played(
        self,
        waveform: Waveform,
        levels: Volts,
        rate_hz: float,
        watched: list[str],
        read: IntArray,
    ) -> Samples:
        """Readings of `watched`, of which the last are the interlocks'; outputs are at `levels`."""
        inputs = watched[: len(watched) - len(self.interlocks.channels)]
        whole = finished = False
        try:
            samples = play_waveform(
                self.front_end, waveform, levels, rate_hz, watched, read, self._guard.look_at
            )
            whole, volts = True, samples.volts
            self.interlocks.check([readings.ravel() for readings in volts[len(inputs) :]])
            self._guard.look()
            check_inside(self.front_end.channels, inputs, volts, self.name)
            finished = True
        finally:
            try:
                if not finished:
                    self.front_end.abort()
            finally:
                if FrontEndCapability.HARDWARE_TIMED in self.front_end.capabilities:
                    # Where it was stopped and nothing counts or reads back, its last level is a
                    # guess as good as any: the ramp to safe values starts from there.
                    waveform.leave(levels, None if whole else self.front_end.played(waveform))
                self.outputs.moved(levels)
                if not finished:
                    self.outputs.forget()
        return samples

    @contextmanager
    def _safe_if_stopped(self) -> Generator[None]:
        with self._moving:
            finished = False
            try:
                yield
                finished = True
            except Aborted:
                # By `stop` or the watch, if by anybody here: that reason is the one to tell.
                self._guard.look()
                raise
            finally:
                if not finished:
                    self.make_safe()

    def _refuse_if_tripped(self) -> None:
        with self._safe_if_stopped():
            self._guard.look()

    def _tripped(self) -> None:
        """In the watching thread: the one that drives may be busy with something else."""
        with self._moving:
            # Where that one has learnt of it meanwhile, it has made the outputs safe itself.
            if self._guard.is_tripped:
                self.make_safe()
