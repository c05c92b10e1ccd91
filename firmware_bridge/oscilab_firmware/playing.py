"""A waveform from its first record to its last reading, with credits and acknowledgements."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np

from oscilab.errors import DeviceFailed
from oscilab.wired.front_end import Aborted
from oscilab_firmware.commands import Refused
from oscilab_firmware.frames import stuffed_size
from oscilab_firmware.messages import CODE, Codes, Kind, Readings, Report, State, Status
from oscilab_firmware.records import Records
from oscilab_firmware.session import Session

WAIT_S = 0.05
"""After how long without news missing readings are asked for again."""
ENDED = (State.DONE, State.ABORTED, State.FAILED)
_ANNOUNCED = struct.Struct("<IIIIIHH")
_SEGMENT = struct.Struct("<II")
_NUMBER = struct.Struct("<I")


class Failed(Exception):
    """The device ended an exchange, for the reason that `code` gives; `report` if it told more."""

    def __init__(self, code: int, report: Report | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.report = report if report is not None and report.code == code else None


class Playing:
    """One exchange: `records`, `repeats` times, a sample each `period` ticks."""

    def __init__(
        self,
        session: Session,
        number: int,
        records: Records,
        repeats: int,
        period: int,
        lines: Sequence[int],
        inputs: Sequence[int],
        rows: int,
        aborted: threading.Event,
    ) -> None:
        self._session, self._number = session, number
        self._records, self._period = records, period
        # What does not fit into the store is sent as often as it is to be played.
        fits = len(records.data) <= session.capabilities.store_bytes
        self._sends, self._repeats = (1, repeats) if fits else (repeats, 1)
        self._lines, self._inputs = lines, inputs
        self._codes = np.empty((rows, len(inputs)), np.uint16)
        self._taken = 0
        self._acknowledged = 0
        self._aborted = aborted
        self._limit = 0
        self._asked_at, self._asked_when = -1, 0.0
        # An eighth of what the device keeps for us: it never has to wait for us.
        row_bytes = max(len(inputs), 1) * CODE.itemsize
        self._ack_every = max(1, session.capabilities.readings_bytes // 8 // row_bytes)

    def run(self) -> Codes:
        """Play it, and the codes `[row, input]` that were read.

        Raises:
            Refused: before it began; Failed: while it played; Aborted.
            DeviceFailed: the device fell silent.
        """
        self._session.expect_rows_of(len(self._inputs))
        self._announce()
        try:
            return self._played()
        except Refused as error:
            # Records of an exchange that ended by itself are refused, but not for that reason.
            status = self._session.status()
            if status.exchange == self._number and status.state == State.FAILED:
                raise Failed(status.code, error.report) from error
            raise

    def _played(self) -> Codes:
        session = self._session
        pieces = self._pieces()
        piece = next(pieces, None)
        triggered = False
        while True:
            piece = self._load(piece, pieces)
            self._check_aborted()
            if not triggered and (piece is None or self._is_full(piece)):
                # The first records are all there, or as many as there is room for.
                session.commands.call(Kind.TRIGGER, _NUMBER.pack(self._number))
                triggered = True
            status = self._take(wait=piece is None or self._is_full(piece))
            if status is not None and self._finished(status):
                return self._codes

    def _announce(self) -> None:
        total = len(self._records.data) * self._sends
        payload = _ANNOUNCED.pack(
            self._number, self._records.count * self._sends, self._repeats, self._period, total,
            len(self._lines), len(self._inputs),
        )  # fmt: skip
        channels = np.array([*self._lines, *self._inputs], CODE)
        answer = self._session.commands.call(
            Kind.EXCHANGE, payload + channels.tobytes(), len(channels)
        )
        _, free = _SEGMENT.unpack(answer.payload)
        self._limit = free

    def _pieces(self) -> Iterator[tuple[int, int, bytes]]:
        largest = self._session.hello.max_payload - _SEGMENT.size
        for turn in range(self._sends):
            before = turn * self._records.count
            for first, count, data in self._records.pieces(largest):
                yield before + first, count, data

    def _load(
        self,
        piece: tuple[int, int, bytes] | None,
        pieces: Iterator[tuple[int, int, bytes]],
    ) -> tuple[int, int, bytes] | None:
        """Send while there is room; the piece that comes next."""
        commands = self._session.commands
        while piece is not None and not self._is_full(piece):
            first, count, data = piece
            if not commands.fits(stuffed_size(len(data) + _SEGMENT.size)):
                break
            commands.post(Kind.SEGMENT, _SEGMENT.pack(self._number, first) + data, count)
            piece = next(pieces, None)
        return piece

    def _is_full(self, piece: tuple[int, int, bytes]) -> bool:
        credit = self._session.inbox.credit
        if credit.exchange == self._number:
            before = self._records.bytes_before(credit.accepted)
            self._limit = max(self._limit, before + credit.store_free)
        first, count, _ = piece
        return self._records.bytes_before(first + count) > self._limit

    def _take(self, wait: bool) -> Status | None:
        """Answers and readings that have come; the status, if the exchange has ended."""
        session = self._session
        session.commands.tend()
        news = session.inbox.wait(self._news, WAIT_S if wait or not session.commands.idle else 0.0)
        if isinstance(news, Readings):
            self._place(news)
            return None
        if news is None and wait:
            # No news for a while: an event, or the last readings, may have been lost.
            session.status()
        status = session.inbox.status
        if status is not None and status.exchange == self._number and status.state in ENDED:
            return status
        return None

    def _news(self) -> Readings | Status | bool | None:
        inbox = self._session.inbox
        readings = inbox.readings()
        if readings is not None:
            return readings
        status = inbox.status
        if status is not None and status.exchange == self._number and status.state in ENDED:
            return status
        credit = inbox.credit
        grown = (
            credit.exchange == self._number
            and self._records.bytes_before(credit.accepted) + credit.store_free > self._limit
        )
        return True if grown or self._aborted.is_set() or inbox.has_answers else None

    def _place(self, readings: Readings) -> None:
        if readings.exchange != self._number:
            return
        skip = self._taken - readings.first_row
        if skip < 0:
            # Rows before these were lost; those that follow will come again with them.
            self._ask_again()
            return
        new = readings.codes[skip:]
        if not len(new):
            return
        self._codes[self._taken : self._taken + len(new)] = new
        self._taken += len(new)
        self._asked_at = -1
        if self._taken - self._acknowledged >= self._ack_every:
            self._acknowledged = self._taken
            self._session.acknowledge(self._number, self._taken, again=False)

    def _ask_again(self) -> None:
        now = time.monotonic()
        if self._asked_at != self._taken or now - self._asked_when > WAIT_S:
            self._asked_at, self._asked_when = self._taken, now
            self._session.acknowledge(self._number, self._taken, again=True)

    def _finished(self, status: Status) -> bool:
        if status.state == State.ABORTED:
            self._check_aborted()
            raise Aborted("the device stopped a waveform that was aborted")
        if status.state == State.FAILED:
            raise Failed(status.code)
        if self._taken < len(self._codes):
            if status.rows < len(self._codes):
                raise DeviceFailed(
                    f"the device played a waveform and read {status.rows} times, but was to read "
                    f"{len(self._codes)} times; its firmware is wrong"
                )
            self._ask_again()
            return False
        self._session.commands.settle()
        self._session.acknowledge(self._number, self._taken, again=False)
        return True

    def _check_aborted(self) -> None:
        if self._aborted.is_set():
            raise Aborted("a waveform was stopped by abort before its end")
