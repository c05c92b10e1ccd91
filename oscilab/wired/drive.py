"""Drive a front end: every level, waveform and reading passes here and is checked."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import numpy as np

from oscilab.arrays.seam import Condition, InterlockState
from oscilab.errors import DeviceFailed, InvalidInput, OutOfLimits
from oscilab.interruption import signals_held
from oscilab.types import Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import Aborted, AnalogFrontEnd, FrontEndCapability, Samples
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.plays import Play
from oscilab.wired.watch import SharedFrontEnd, Watch

logger = logging.getLogger(__name__)
LOOK_EVERY_S = 0.05
"""Between two looks at the interlocks while the host plays a waveform step by step."""


class Drive:
    """A connected front end under limits and interlocks.

    Nothing is written before the first call that drives; that call first brings the outputs to
    their safe values, except `put`, which leaves the others as they are. From then on until they
    are safe again the interlocks are watched, where the front end has `LIVE_INPUTS`; elsewhere they
    are checked before every call, in its readings, and between the steps of waveforms that the host
    plays itself.
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
        self.outputs = Outputs(self.front_end, limits, assume_safe)
        self._is_timed = FrontEndCapability.HARDWARE_TIMED in self.front_end.capabilities
        self._watch = Watch(self.front_end, interlocks, self._tripped)
        self._energised = False
        # Held while outputs move: by the thread that drives, or by one that watches or stops it.
        self._moving = threading.RLock()

    @property
    def watching(self) -> str:
        """When the interlocks are looked at, in words."""
        return self._watch.described

    def energise(self) -> None:
        """Check the interlocks; the first time, bring the outputs to their safe values.

        Raises:
            InterlockTripped: nothing is driven then.
        """
        self._watch.begin()
        if not self._energised:
            # Where the outputs cannot be known, this raises before any of them has moved.
            _ = self.outputs.levels
            self._energised = True
            self.outputs.make_safe()

    def look(self) -> None:
        """Check that outputs may stay as they are, for a caller that holds them.

        Raises:
            InterlockTripped: outputs are safe then.
        """
        with self._safe_if_stopped():
            self._watch.check_now()

    def stop(self, reason: BaseException) -> None:
        """Bring outputs to their safe values, from any thread; nothing drives afterwards.

        The thread that drives finds `reason` raised, now or in its next call.
        """
        self._watch.stop(reason)
        self.make_safe()

    def go_to(self, target: Volts) -> None:
        """Ramp all wired outputs to `target` `[output]`, from their safe values at first.

        Raises:
            OutOfLimits: before anything moves.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        self.limits.check(target)
        with self._safe_if_stopped():
            self.energise()
            self.outputs.go_to(target, self._watch.check)

    def put(self, number: int, volts: float) -> None:
        """Ramp output `number` to `volts`; all others stay as they are found.

        Raises:
            OutOfLimits: before anything moves.
            InterlockTripped, DeviceFailed: outputs are safe then, if they had begun to move.
        """
        alone = self.limits.safe.copy()
        alone[number] = volts
        self.limits.check(alone)
        with self._safe_if_stopped():
            self._watch.begin()
            self._energised = True
            target = self.outputs.levels.copy()
            target[number] = volts
            # The others may be where another program left them: refused if that is out of limits.
            self.limits.check(target)
            self.outputs.go_to(target, self._watch.check)

    def exchange(self, play: Play) -> Samples:
        """Play a waveform and read its inputs: volts `[input, repeat, reading]`, and the true rate.

        Raises:
            OutOfLimits: before the first sample goes out.
            InterlockTripped, DeviceFailed: outputs are safe then.
        """
        with self._moving:
            if not self._energised:
                # Nothing moves to its safe value for a waveform that is refused.
                self.limits.check_levels(play.waveform)
            with self._safe_if_stopped():
                # A trip that moved the outputs is told before a waveform from elsewhere is refused.
                self.energise()
                start = self.outputs.levels
                try:
                    self.limits.check_waveform(play.waveform, start, play.rate_hz)
                except OutOfLimits as error:
                    refused = error
                else:
                    return self._exchanged(play, start.copy())
        # Outside of the block: a waveform that was refused leaves the outputs as they are.
        raise refused

    def make_safe(self, *, undriven: bool = False) -> None:
        """Ramp the outputs to their safe values, if this drive ever moved them; idempotent.

        With `undriven` also where it did not: somebody else may have. Where a ramp fails, the
        front end's last resort is taken, and the ramp tried once more: what was in the way, such
        as a task of a dead process, is gone then. Interlocks are not checked.

        Raises:
            DeviceFailed: a ramp failed, and with `undriven` the second one as well.
        """
        if undriven:
            self._energised = True
            try:
                self.make_safe()
            except DeviceFailed as error:
                logger.warning(
                    "device %s could not be ramped to its safe values (%s); it was reset instead",
                    self.name, error,
                )  # fmt: skip
                self.make_safe()
            return
        if not self._energised:
            return
        with signals_held(), self._moving, self.front_end.protected():
            self._watch.end()
            try:
                self.outputs.make_safe()
            except BaseException:
                # Whatever broke the ramp, the outputs must not stay as they are.
                self.outputs.lost()
                self.front_end.make_safe()
                raise

    def release(self) -> None:
        """Watch no more; outputs stay as they are. Nothing may be called afterwards."""
        self._watch.join()

    def condition(self) -> Condition:
        """Return outputs and interlocks as last known, for an operator.

        From any thread: nothing is read or driven, and nothing waits.
        """
        limits, levels, wired = self.limits, self.outputs.known, self.limits.wired
        outputs = int(wired.sum())
        watching = self.watching if self.interlocks.channels else "there are none"
        interlocks = tuple(
            InterlockState(
                name, lock.channel, lock.demand(), *self.interlocks.seen.get(name, (None, None))
            )
            for name, lock in self.interlocks.locks.items()
        )
        if levels is None or not outputs:
            return Condition(outputs, False, "", None, None, None, watching, interlocks)
        analog = np.flatnonzero(wired & np.isfinite(limits.slew))
        lower, upper = limits.lower[analog], limits.upper[analog]
        room = np.minimum(upper - levels[analog], levels[analog] - lower) / (upper - lower)
        nearest = int(analog[np.argmin(room)])
        return Condition(
            outputs=outputs,
            is_safe=bool(np.array_equal(levels[wired], limits.safe[wired])),
            nearest=self.front_end.channels.outputs[nearest].name,
            volts=float(levels[nearest]),
            lower=float(limits.lower[nearest]),
            upper=float(limits.upper[nearest]),
            watching=watching,
            interlocks=interlocks,
        )

    def _exchanged(self, play: Play, levels: Volts) -> Samples:
        """Return readings of the play's inputs; the outputs are at `levels` `[output]` before."""
        waveform, inputs = play.waveform, play.inputs
        watched = [*inputs, *self.interlocks.channels]
        whole = finished = False
        try:
            if self._is_timed:
                found = self.front_end.exchange(waveform, play.rate_hz, watched, play.read)
            else:
                stepper = _Stepper(self.front_end, self._watch.check_reading)
                found = stepper.exchange(play, watched, levels)
            whole, volts = True, found.volts
            if self.interlocks.channels:
                self.interlocks.check(volts[len(inputs) :].reshape(len(watched) - len(inputs), -1))
            self._watch.check()
            check_inside(self.front_end.channels, inputs, volts, self.name)
            finished = True
        finally:
            try:
                if not finished:
                    self.front_end.abort()
            finally:
                if self._is_timed:
                    # Cut where nothing counts or reads back, its last level is a guess. The ramp to
                    # safe values starts from there, with a jump where the guess is wrong.
                    played = None if whole else self.front_end.played(waveform)
                    if played is None:
                        levels[waveform.lines] = waveform.levels[:, -1]
                    else:
                        waveform.leave(levels, played)
                self.outputs.known = levels
                if not finished:
                    self.outputs.forget()
        return Samples(volts[: len(inputs)], found.rate_hz)

    @contextmanager
    def _safe_if_stopped(self) -> Generator[None]:
        with self._moving:
            finished = False
            try:
                yield
                finished = True
            except Aborted:
                # By `stop` or the watch, whose reason is the one to tell.
                self._watch.check()
                raise
            finally:
                if not finished:
                    self.make_safe()

    def _tripped(self) -> None:
        """In the watching thread: the one that drives may be busy with something else."""
        with self._moving:
            # Where that one has raised the trip meanwhile, it has made the outputs safe itself.
            if self._watch.is_tripped:
                self.make_safe()


class Outputs:
    """The outputs of a front end: where they are, and ramps to where they shall be.

    `known` `[output]` is what they are at, None where that has to be read back or assumed first.
    """

    def __init__(self, front_end: SharedFrontEnd, limits: Limits, assume_safe: bool) -> None:
        self._front_end = front_end
        self._limits = limits
        self._assume_safe = assume_safe
        self._reads_back = FrontEndCapability.OUTPUT_READBACK in front_end.capabilities
        self._is_analog = np.isfinite(limits.slew)
        self.known: Volts | None = None
        self._assumed = False

    @property
    def levels(self) -> Volts:
        """Volts, `[output]`; read back at first, or assumed safe where the bench says so.

        Raises:
            InvalidInput: they can neither be read back nor be assumed.
            DeviceFailed: what is read back is not a number.
        """
        if self.known is None:
            if self._reads_back:
                self.known = self._read_back()
            elif self._assume_safe:
                self.known = np.where(self._limits.wired, self._limits.safe, 0.0)
                self._assumed = True
            else:
                raise InvalidInput(
                    "the front end cannot read its outputs back, so that nobody knows where they "
                    'are; switch them to their safe values and state start = "assume-safe" in the '
                    "bench's settings"
                )
        return self.known

    def forget(self) -> None:
        """Read back where the outputs are next time, as after a waveform that was cut short."""
        if self._reads_back:
            self.known = None

    def lost(self) -> None:
        """Read or assume anew where the outputs are: somebody else may have moved them."""
        if self._reads_back or self._assume_safe:
            self.known = None

    def go_to(self, target: Volts, look: Callable[[], None] = lambda: None) -> None:
        """Ramp to `target` `[output]` within slew limits; outputs that are not wired stay.

        `look` is called between steps, and raises where they must not go on.
        """
        start = self.levels
        wanted = np.where(self._limits.wired, target, start)
        # What was only assumed is written once, so that it is true.
        if np.array_equal(start, wanted) and not self._assumed:
            return
        self._assumed = False
        analog, update = self._is_analog, self._front_end.channels.update_s
        change = wanted - start
        seconds = np.max(np.abs(change)[analog] / self._limits.slew[analog], initial=0.0)
        steps = max(1, math.ceil(seconds / update - 1e-9))
        for step in range(1, steps + 1):
            share = np.where(analog, step / steps, 1.0)
            level = wanted if step == steps else start + share * change
            self.known = level.copy()
            self._front_end.set_outputs(level)
            if step < steps:
                self._front_end.pause(update)
                look()

    def make_safe(self) -> None:
        """Ramp every wired output to its safe value within its slew limit; idempotent.

        The start may be out of limits: a line that another program drove is brought back, too.
        """
        self.go_to(self._limits.safe)

    def _read_back(self) -> Volts:
        levels = self._front_end.read_outputs()
        lost = np.flatnonzero(self._limits.wired & ~np.isfinite(levels))
        if lost.size:
            number = int(lost[0])
            raise DeviceFailed(
                f"output {self._front_end.channels.outputs[number].name} reads back as "
                f"{levels[number]:g} V, so that no ramp can start from there; check its board"
            )
        return levels


class _Stepper:
    """Plays waveforms step by step on a front end that has no sample clock.

    `look` gets every reading `[input]`, and None where there was none for `LOOK_EVERY_S`; it raises
    where playing must stop.
    """

    def __init__(self, front_end: SharedFrontEnd, look: Callable[[Volts | None], None]) -> None:
        self._front_end = front_end
        self._look = look
        self._since = 0.0

    def exchange(self, play: Play, inputs: Sequence[str], levels: Volts) -> Samples:
        """Do what `AnalogFrontEnd.exchange` does.

        `levels` `[output]` is what the outputs are at, and is kept so however playing ends.
        """
        waveform, rate_hz, read = play.waveform, play.rate_hz, play.read.tolist()
        volts = np.empty((len(inputs), waveform.repeats, len(read)))
        for repeat in range(waveform.repeats):
            taken = now = 0
            for step, end in enumerate(waveform.ends.tolist()):
                levels[waveform.lines] = waveform.levels[:, step]
                self._front_end.set_outputs(levels.copy())
                while taken < len(read) and read[taken] < end:
                    self._pause((read[taken] + 1 - now) / rate_hz)
                    now = read[taken] + 1
                    volts[:, repeat, taken] = self._front_end.read_inputs(inputs)[:, 0]
                    self._show(volts[:, repeat, taken])
                    taken += 1
                if now < end:
                    self._pause((end - now) / rate_hz)
                    now = end
        return Samples(volts, rate_hz)

    def _show(self, volts: Volts | None) -> None:
        self._since = 0.0
        self._look(volts)

    def _pause(self, seconds: float) -> None:
        while self._since + seconds > LOOK_EVERY_S:
            self._front_end.pause(LOOK_EVERY_S - self._since)
            seconds -= LOOK_EVERY_S - self._since
            self._show(None)
        self._since += seconds
        self._front_end.pause(seconds)


def check_inside(channels: ChannelTable, inputs: Sequence[str], volts: Volts, device: str) -> None:
    """Refuse readings `[input, repeat, reading]` that are not inside their inputs' ranges.

    Raises:
        DeviceFailed: one reaches an end of it, or is not a number.
    """
    if not volts.size:
        return
    lower, upper = channels.reach_of(inputs)
    flat = volts[: len(inputs)].reshape(len(inputs), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)
    # NaN makes both comparisons false.
    inside = (low > lower) & (high < upper)
    if not inside.all():
        row = int(np.flatnonzero(~inside)[0])
        channel = channels.input(inputs[row])
        raise DeviceFailed(
            f"input {channel.name} of device {device} reads {low[row]:g} to {high[row]:g} "
            f"V, which reaches the end of its range {channel.lower:g} to {channel.upper:g} V; "
            "use a wider range or a smaller signal, and check the sensor"
        )
