"""The front end `firmware`: a microcontroller with many converters behind a serial line."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.description import Identity
from oscilab.bench.tables import validated
from oscilab.errors import DeviceFailed, InterlockTripped
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import Aborted, FrontEndCapability, Samples
from oscilab.wired.waveform import Waveform
from oscilab_firmware.commands import Refused, SessionLost
from oscilab_firmware.connection import Connection
from oscilab_firmware.guards import Guards, guards_of
from oscilab_firmware.messages import NO_CHANNEL, Codes, DeviceFlag, Event, Refusal, Trip
from oscilab_firmware.opening import check_device, open_session
from oscilab_firmware.playing import Failed, Playing
from oscilab_firmware.records import LONGEST, records_of
from oscilab_firmware.sentences import failure_of, sentence_of, trip_of
from oscilab_firmware.session import Session

if TYPE_CHECKING:
    from oscilab.bench.devices import Device

Volts = NDArray[np.floating]
SAFE_WAIT_S = 0.02
EVENT_WAIT_S = 0.2


class FirmwareFrontEnd:
    """`AnalogFrontEnd` over a session with oscilab's firmware.

    The device enforces limits, slew, interlocks and the heartbeat by itself. `abort`, `make_safe`
    and `read_inputs` may be called from another thread while `exchange` runs.
    """

    def __init__(self, connection: Connection, guards: Guards, name: str) -> None:
        self._connection = connection
        self._guards = guards
        self._name = name
        self._banks = connection.banks
        self._channels = ChannelTable(
            self._banks.channels(), connection.max_rate_hz, connection.update_s
        )
        self._session: Session | None = None
        self._aborted = threading.Event()
        self._lost = False
        self._watched = False
        self._unfed: str | None = None
        self._told: str | None = None
        self._exchange = secrets.randbelow(1 << 30)

    @classmethod
    def from_bench(cls, connection: Mapping[str, object], device: Device) -> FirmwareFrontEnd:
        """The device that the table `connection` describes, not yet connected.

        Raises:
            InvalidInput: an unknown key or a value that cannot be used.
        """
        keys = ("devices", device.name, "connection")
        table = validated(Connection, connection, device.where, keys)
        return cls(table, guards_of(device), device.name)

    @property
    def channels(self) -> ChannelTable:
        """Every line."""
        return self._channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """Everything that a front end can do."""
        return frozenset(FrontEndCapability)

    @property
    def hardware(self) -> str | None:
        """The port, or the device's identity on USB."""
        return f"serial {self._connection.port or self._connection.usb}"

    def connect(self) -> Identity:
        """Open the line, shake hands, and hand over limits and heartbeat; no output moves.

        Raises:
            InvalidInput: the bench does not say where the device is.
            DeviceFailed: it is not there, speaks another version, or has other lines.
        """
        session = open_session(self._connection, self._name)
        try:
            check_device(session, self._connection, self._banks, self._name)
            with self._refusals():
                self._guards.hand_over_limits(session, self._banks, self._channels)
                session.start_heartbeat(self._connection.heartbeat_timeout_s)
            session.status()
            # A trip of a session before this one was told to whoever had it.
            session.inbox.tripped = None
        except BaseException:
            session.close()
            raise
        self._session, self._unfed, self._told = session, None, None
        self._lost = self._watched = False
        flags = session.capabilities.flags
        return Identity(
            name=self._name,
            kind=session.hello.firmware,
            serial=session.hello.serial,
            simulated=bool(flags & DeviceFlag.PLANT),
        )

    def close(self) -> None:
        """End the session, outputs as they are; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def read_outputs(self) -> Volts:
        """What the outputs are at, `[output]`."""
        session = self._opened()
        with self._refusals():
            return self._banks.output_volts(session.get_outputs())

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]`; the device refuses what limits forbid."""
        session = self._opened()
        with self._refusals():
            numbers = np.arange(len(volts))
            codes = self._banks.output_codes(np.asarray(volts, np.float64), numbers)
            if self._stopped(session) and np.array_equal(codes, session.get_outputs()):
                return  # After a trip the device has brought them there by itself.
            self._allow_driving(session)
            session.set_outputs(codes)

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """Readings of this instant, `[input, sample]`; also while a waveform runs."""
        session = self._opened()
        with self._refusals():
            numbers = self._input_numbers(inputs)
            codes = session.read_inputs(numbers, samples)
            return self._banks.input_volts(codes, numbers).T

    def pause(self, seconds: float) -> None:
        """Let so much of the device's own time pass."""
        self._aborted.clear()
        session = self._opened()
        with self._refusals():
            try:
                session.pause(round(seconds * 1e9))
            except KeyboardInterrupt:
                session.abort()
                raise

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: NDArray[np.int64],
    ) -> Samples:
        """Play a waveform; see `AnalogFrontEnd`."""
        self._aborted.clear()
        session = self._opened()
        with self._refusals():
            period = self._period(session, rate_hz)
            self._allow_driving(session)
            self._watch_interlocks(session)
            self._exchange = self._exchange % (1 << 30) + 1
            numbers = self._input_numbers(inputs)
            codes = self._banks.output_codes(waveform.levels, waveform.lines)
            playing = Playing(
                session,
                self._exchange,
                records_of(codes, waveform.samples, read),
                waveform.repeats,
                period,
                waveform.lines.tolist(),
                numbers,
                waveform.repeats * len(read),
                self._aborted,
            )
            found = self._played(playing, session)
        volts = self._banks.input_volts(found, numbers).T
        return Samples(
            volts.reshape(len(inputs), waveform.repeats, len(read)),
            session.capabilities.clock_hz / period,
        )

    def abort(self) -> None:
        """Stop `exchange` or `pause`, from any thread; outputs hold."""
        self._aborted.set()
        session = self._session
        if session is not None:
            session.inbox.wake()
            session.abort()

    def make_safe(self) -> None:
        """Let the device bring its outputs to their safe values, within their slew limits."""
        session = self._opened()
        status = session.make_safe()
        session.inbox.tripped = None
        if not status.at_safe:
            self._wait_until_safe(session)

    def _played(self, playing: Playing, session: Session) -> Codes:
        try:
            return playing.run()
        except Failed as failed:
            if failed.code in (Refusal.INTERLOCK, Refusal.TRIPPED):
                # Which input it was comes with the event.
                session.inbox.wait(lambda: _with_channel(session.inbox.tripped), EVENT_WAIT_S)
            self._tell_trip(session)
            if failed.code == Refusal.INTERLOCK:
                self._tell_again()
            if failed.code == Refusal.ABORTED:
                raise Aborted(f"{self._name} stopped a waveform that was aborted") from failed
            if failed.report is not None:
                raise sentence_of(failed.report, self._banks, self._name) from failed
            raise failure_of(failed.code, self._name) from failed

    def _period(self, session: Session, rate_hz: float) -> int:
        made = session.capabilities
        period = round(made.clock_hz / rate_hz)
        if period < made.min_period:
            raise DeviceFailed(
                f"device {self._name} was asked for {rate_hz:g} samples a second; its firmware "
                f"can do {made.clock_hz / made.min_period:g}"
            )
        if period > LONGEST:
            raise DeviceFailed(
                f"device {self._name} was asked for {rate_hz:g} samples a second; the slowest "
                f"that its firmware can do is {made.clock_hz / LONGEST:g}"
            )
        return period

    def _stopped(self, session: Session) -> bool:
        return session.inbox.tripped is not None or bool(
            session.inbox.status is not None and session.inbox.status.trip
        )

    def _allow_driving(self, session: Session) -> None:
        """Raise a trip that nobody was told of; clear one that was.

        Whoever was told and drives on resumes; the device refuses it while its interlocks do not
        hold. A watchdog that tripped stays so until the next `connect`.
        """
        if self._unfed is not None:
            raise InterlockTripped(self._unfed)
        if not self._stopped(session):
            return
        self._tell_trip(session)
        self._wait_until_safe(session)
        self._watched, self._told = False, None
        self._watch_interlocks(session)
        session.clear()
        session.status()

    def _watch_interlocks(self, session: Session) -> None:
        # Not before a waveform: a device that is only looked at, or made safe while a door is
        # open, must not move by itself.
        if not self._watched:
            self._guards.hand_over_interlocks(session, self._banks, self._channels)
            self._watched = True

    def _tell_trip(self, session: Session) -> None:
        event = session.inbox.tripped
        session.inbox.tripped = None
        if event is not None and event.status.trip != Trip.MAKE_SAFE:
            self._wait_until_safe(session)
            trip = trip_of(event, self._banks, self._name)
            if event.status.trip == Trip.WATCHDOG:
                self._unfed = str(trip)
            if event.status.trip == Trip.INTERLOCK:
                self._told = str(trip)
            raise trip

    def _tell_again(self) -> None:
        """One trip ends what every thread was doing, but only one of them finds its event."""
        if self._told is not None:
            raise InterlockTripped(self._told)

    def _wait_until_safe(self, session: Session) -> None:
        while not session.status().at_safe:
            time.sleep(SAFE_WAIT_S)

    def _input_numbers(self, inputs: Sequence[str]) -> list[int]:
        return [self._channels.input_numbers[name] for name in inputs]

    def _opened(self) -> Session:
        if self._lost:
            # The device restarted: whoever was told of it may look after its outputs.
            self.close()
            self.connect()
        if self._session is None:
            raise DeviceFailed(f"front end {self._name} is not connected; open the device first")
        return self._session

    @contextmanager
    def _refusals(self) -> Generator[None]:
        """What the device refuses, as sentences."""
        try:
            yield
        except SessionLost:
            self._lost = True
            raise
        except Refused as refused:
            report, session = refused.report, self._session
            cut_short = report.code == Refusal.INTERLOCK and report.channel == NO_CHANNEL
            if session is not None and cut_short:
                session.inbox.wait(lambda: _with_channel(session.inbox.tripped), EVENT_WAIT_S)
            if session is not None and (cut_short or report.code == Refusal.TRIPPED):
                self._tell_trip(session)
            if cut_short:
                self._tell_again()
            raise sentence_of(refused.report, self._banks, self._name) from refused


def _with_channel(event: Event | None) -> Event | None:
    return None if event is None or event.channel == NO_CHANNEL else event
