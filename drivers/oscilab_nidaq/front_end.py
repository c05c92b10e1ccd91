"""The front end `nidaq`: NI boards, local or behind NI's gRPC Device Server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from oscilab.arrays.description import Identity
from oscilab.errors import DeviceFailed
from oscilab.types import IntArray, Volts
from oscilab.wired.channels import Channel, ChannelTable
from oscilab.wired.front_end import Aborted, FrontEndCapability, Samples
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.waveform import Waveform
from oscilab_nidaq.boards import Connection, channels_of, read_connection
from oscilab_nidaq.playing import Rigs
from oscilab_nidaq.safe import check_watchdogs, reset_boards, safe_levels

if TYPE_CHECKING:
    from oscilab_nidaq.heartbeat import Heartbeat
    from oscilab_nidaq.lines import Static
    from oscilab_nidaq.session import Session


class NidaqFrontEnd:
    """`AnalogFrontEnd` over NI-DAQmx. Outputs cannot be read back."""

    def __init__(self, connection: Connection, name: str, where: str) -> None:
        self._connection = connection
        self._name = name
        self._where = where
        self._safe: Mapping[Channel, float] = {}
        self._channels = channels_of(connection)
        self._session: Session | None = None
        self._static: Static | None = None
        self._heartbeat: Heartbeat | None = None
        self._rigs = Rigs(connection, self._channels)
        self._latest: dict[str, float] = {}
        self._abort = threading.Event()

    @classmethod
    def from_bench(cls, connection: Mapping[str, object], name: str, where: str) -> NidaqFrontEnd:
        """Return the boards that the table `connection` describes, not yet connected.

        Raises:
            InvalidInput: an unknown key, board or line.
        """
        table = read_connection(connection, name, where)
        return cls(table, name, f"{where}: devices.{name}.connection")

    def guard(self, limits: Limits, interlocks: Interlocks) -> None:
        """Take over the safe values, for watchdogs and resets; NI boards know no interlocks.

        Raises:
            InvalidInput: a watchdog is asked for on a board that has none.
        """
        self._safe = safe_levels(limits)
        check_watchdogs(self._connection, list(self._safe), self._where)

    @property
    def channels(self) -> ChannelTable:
        """Every line, by NI's names."""
        return self._channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """A hardware clock; a watchdog where the bench sets one."""
        found = {FrontEndCapability.HARDWARE_TIMED}
        if self._connection.watchdog_s is not None:
            found.add(FrontEndCapability.WATCHDOG)
        return frozenset(found)

    @property
    def hardware(self) -> str | None:
        """The boards, and the server that drives them."""
        server = self._connection.server
        boards = ", ".join(self._connection.boards)
        return f"NI boards {boards}" + (f" at {server}" if server else "")

    def connect(self) -> Identity:
        """Open and identify the boards; nothing is driven."""
        from oscilab_nidaq.heartbeat import Heartbeat
        from oscilab_nidaq.lines import Static
        from oscilab_nidaq.session import Session, identify

        self._session = session = Session(self._connection, self._name)
        try:
            identity = identify(session, self._connection, self._name)
            with session.told("while its tasks were made"):
                self._static = Static(session, self._connection.boards, self._channels.outputs)
            if self._connection.watchdog_s is not None:
                self._heartbeat = Heartbeat(session, self._safe, self._connection.watchdog_s)
        except BaseException:
            self.close()
            raise
        return identity

    def close(self) -> None:
        """Close tasks and server connection; outputs stay. Idempotent."""
        from nidaqmx.errors import Error

        session, self._session = self._session, None
        static, self._static = self._static, None
        heartbeat, self._heartbeat = self._heartbeat, None
        held = [self._rigs, *((static,) if static else ())]
        for tasks in held:
            # A server that has ended holds no tasks.
            with contextlib.suppress(Error):
                tasks.close()
        if heartbeat is not None:
            with contextlib.suppress(Error):
                heartbeat.stop()
        if session is not None:
            session.close()

    def read_outputs(self) -> Volts:
        """Raise `DeviceFailed`: NI's output boards cannot be read back."""
        raise DeviceFailed(
            f"device {self._name} cannot read its outputs back; state what they are at by "
            'start = "assume-safe" in its settings'
        )

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]`."""
        session, static = self._opened()
        with session.told("while outputs were set"):
            self._rigs.stop()
            static.set(volts, self._connection.timeout_s)

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """Return readings `[input, sample]`; while a waveform plays, the newest ones."""
        if self._rigs.is_playing:
            return self._last_readings(inputs, samples)
        session, static = self._opened()
        chosen = [self._channels.input(name) for name in inputs]
        with session.told("while inputs were read"):
            self._rigs.stop()
            return static.read(chosen, samples, self._connection.timeout_s)

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Aborted: by `abort`.
        """
        self._abort.clear()
        if self._abort.wait(seconds):
            raise Aborted(f"device {self._name} stopped waiting, as it was told to")

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: IntArray,
    ) -> Samples:
        """Play a waveform by one clock and one trigger; see `AnalogFrontEnd`."""
        from nidaqmx.errors import DaqError

        from oscilab_nidaq.playing import Schedule, play

        session, _ = self._opened()
        schedule = Schedule.of(waveform, rate_hz)
        self._abort.clear()
        self._latest.clear()
        with session.told("while a waveform was played"):
            try:
                with self._rigs.playing(session, waveform, inputs) as rig:
                    rig.prepare(schedule)
                    timeout = self._connection.timeout_s
                    volts = play(rig, schedule, inputs, read, timeout, self._watch)
            except DaqError:
                # Raised by the call whose tasks `abort` has closed.
                self._refuse_if_aborted()
                raise
        return Samples(volts, schedule.rate_hz)

    def played(self, waveform: Waveform) -> int | None:
        """Return how many samples of a cut waveform went out; see `CountingFrontEnd`."""
        # A server that does not answer is not asked again: it would take as long to give up.
        return self._rigs.played(waveform, self._session is not None and self._session.answers)

    def abort(self) -> None:
        """Stop the clock, from another thread; outputs hold their levels."""
        self._abort.set()
        self._rigs.halt()

    def make_safe(self) -> None:
        """Reset the boards, to zero volts and lines off, then set the bench's safe values."""
        from nidaqmx.errors import Error

        # Expired watchdogs lock the outputs; a reset unlocks them.
        session, static = self._opened(or_expired=True)
        with contextlib.suppress(Error):
            self._rigs.close()
        with session.told("while its boards were reset"):
            reset_boards(session, static, self._connection, self._safe)
        if self._heartbeat is not None:
            self._heartbeat.arm_again()

    def _watch(self, readings: Mapping[str, float]) -> None:
        """Between chunks: publish the newest readings, and stop if `abort` was called."""
        self._latest.update(readings)
        if self._heartbeat is not None:
            self._heartbeat.check()
        self._refuse_if_aborted()

    def _refuse_if_aborted(self) -> None:
        if self._abort.is_set():
            raise Aborted(f"device {self._name} stopped a waveform that was aborted")

    def _last_readings(self, inputs: Sequence[str], samples: int) -> Volts:
        missing = [name for name in inputs if name not in self._latest]
        if missing:
            raise DeviceFailed(
                f"input {missing[0]} of device {self._name} cannot be read while a waveform plays "
                "without it; read it afterwards"
            )
        return np.array([[self._latest[name]] * samples for name in inputs])

    def _opened(self, or_expired: bool = False) -> tuple[Session, Static]:
        if self._session is None or self._static is None:
            raise DeviceFailed(f"device {self._name} is not connected; open it first")
        if self._heartbeat is not None and not (or_expired and self._heartbeat.has_expired):
            self._heartbeat.check()
        return self._session, self._static
