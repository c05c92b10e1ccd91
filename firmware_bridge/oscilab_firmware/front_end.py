"""The front end `firmware`: a microcontroller with many converters behind a serial line."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from oscilab.arrays.description import Identity
from oscilab.bench.tables import validated
from oscilab.errors import DeviceFailed
from oscilab.types import IntArray, Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import Aborted, FrontEndCapability, Samples
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.waveform import Waveform
from oscilab_firmware.commands import Refused, SessionLost
from oscilab_firmware.connection import Connection
from oscilab_firmware.guards import Guards
from oscilab_firmware.messages import Codes, DeviceFlag, Refusal
from oscilab_firmware.playing import Exchange, Failed, Playing, period_of, records_of
from oscilab_firmware.session import Session, check_device, open_session
from oscilab_firmware.trips import Trips, failure_of, sentence_of


class FirmwareFrontEnd:
    """`AnalogFrontEnd` over a session with oscilab's firmware.

    The device enforces limits, slew, interlocks and the heartbeat by itself. `abort`, `make_safe`
    and `read_inputs` may be called from another thread while `exchange` runs.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._guards = Guards(name)
        self._name = name
        self._banks = connection.banks
        self._channels = ChannelTable(
            self._banks.channels(), connection.max_rate_hz, connection.update_s
        )
        self._session: Session | None = None
        self._trips: Trips | None = None
        self._aborted = threading.Event()
        self._lost = False
        self._exchange = secrets.randbelow(1 << 30)

    @classmethod
    def from_bench(
        cls, connection: Mapping[str, object], name: str, where: str
    ) -> FirmwareFrontEnd:
        """Return the device that the table `connection` describes, not yet connected.

        Raises:
            InvalidInput: an unknown key or a value that cannot be used.
        """
        return cls(validated(Connection, connection, where, ("devices", name, "connection")), name)

    def guard(self, limits: Limits, interlocks: Interlocks) -> None:
        """Take over limits and interlocks; the device is told them in `connect`."""
        self._guards = Guards(self._name, limits, interlocks)

    @property
    def channels(self) -> ChannelTable:
        """Every line."""
        return self._channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """All that there are."""
        return frozenset(FrontEndCapability)

    @property
    def hardware(self) -> str | None:
        """The port, or the device's identity on USB."""
        return f"serial {self._connection.port or self._connection.usb}"

    def connect(self) -> Identity:
        """Open the line, shake hands, and send limits and heartbeat; no output moves.

        Raises:
            InvalidInput: the bench does not say where the device is.
            DeviceFailed: it is not there, speaks another version, or has other lines.
        """
        session = open_session(self._connection, self._name)
        try:
            check_device(session, self._connection, self._banks, self._name)
            with self._refusals():
                self._guards.hand_over_limits(session, self._banks)
                session.start_heartbeat(self._connection.heartbeat_timeout_s)
            session.status()
            # A trip of an earlier session was reported in that session.
            session.inbox.tripped = None
        except BaseException:
            # Without goodbye: the watchdog of an earlier host stays armed.
            session.close(goodbye=False)
            raise
        self._trips = Trips(session, self._guards, self._banks, self._channels, self._name)
        self._session, self._lost = session, False
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
        """Return what the outputs are at, `[output]`."""
        session, _ = self._opened()
        with self._refusals():
            return self._banks.output_volts(session.get_outputs())

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]`; the device refuses what limits forbid."""
        session, trips = self._opened()
        with self._refusals():
            numbers = np.arange(len(volts))
            codes = self._banks.output_codes(np.asarray(volts, np.float64), numbers)
            if trips.stopped and np.array_equal(codes, session.get_outputs()):
                return  # After a trip the device has brought them there by itself.
            trips.allow_driving()
            session.set_outputs(codes)

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """Return readings of this instant, `[input, sample]`; also while a waveform runs."""
        session, _ = self._opened()
        with self._refusals():
            numbers = self._input_numbers(inputs)
            codes = session.read_inputs(numbers, samples)
            return self._banks.input_volts(codes, numbers).T

    def pause(self, seconds: float) -> None:
        """Wait for `seconds` of the device's own time."""
        self._aborted.clear()
        session, _ = self._opened()
        with self._refusals():
            try:
                session.pause(round(seconds * 1e9), self._aborted)
            except KeyboardInterrupt:
                session.abort()
                raise

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: IntArray,
    ) -> Samples:
        """Play a waveform; see `AnalogFrontEnd`."""
        self._aborted.clear()
        session, trips = self._opened()
        with self._refusals():
            period = period_of(session.capabilities, rate_hz, self._name)
            trips.allow_driving()
            trips.watch_interlocks()
            self._exchange = self._exchange % (1 << 30) + 1
            numbers = self._input_numbers(inputs)
            codes = self._banks.output_codes(waveform.levels, waveform.lines)
            exchange = Exchange(
                number=self._exchange,
                records=records_of(codes, waveform.samples, read),
                repeats=waveform.repeats,
                period=period,
                lines=waveform.lines.tolist(),
                inputs=numbers,
                rows=waveform.repeats * len(read),
            )
            found = self._played(Playing(session, exchange, self._aborted), trips)
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
        session, trips = self._opened()
        status = session.make_safe()
        session.inbox.tripped = None
        if not status.at_safe:
            trips.wait_until_safe()

    def _played(self, playing: Playing, trips: Trips) -> Codes:
        try:
            return playing.run()
        except Failed as failed:
            trips.ended_exchange(failed.code)
            if failed.code == Refusal.ABORTED:
                raise Aborted(f"{self._name} stopped a waveform that was aborted") from failed
            if failed.report is not None:
                raise sentence_of(failed.report, self._banks, self._name) from failed
            raise failure_of(failed.code, self._name) from failed

    def _input_numbers(self, inputs: Sequence[str]) -> list[int]:
        return [self._channels.input_numbers[name] for name in inputs]

    def _opened(self) -> tuple[Session, Trips]:
        if self._lost:
            # The device restarted, which was reported: it may be made safe again.
            self.close()
            self.connect()
        if self._session is None or self._trips is None:
            raise DeviceFailed(f"front end {self._name} is not connected; open the device first")
        return self._session, self._trips

    @contextmanager
    def _refusals(self) -> Generator[None]:
        """Raise what the device refuses as sentences."""
        try:
            yield
        except SessionLost:
            self._lost = True
            raise
        except Refused as refused:
            if self._session is None or self._trips is None:
                raise sentence_of(refused.report, self._banks, self._name) from refused
            raise self._trips.error_of(refused) from refused
