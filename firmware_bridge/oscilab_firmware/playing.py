"""A waveform from its first record to its last reading, with credits and acknowledgements."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from oscilab.errors import DeviceFailed
from oscilab.wired.front_end import Aborted
from oscilab_firmware.commands import Refused
from oscilab_firmware.frames import stuffed_size
from oscilab_firmware.messages import Kind, State
from oscilab_firmware.payloads import CODE, Capabilities, Codes, Readings, Report, Status
from oscilab_firmware.records import LONGEST, Records
from oscilab_firmware.rows import Rows
from oscilab_firmware.session import Session

WAIT_S = 0.05
"""After how long without news the device is asked how it stands."""
ENDED = (State.DONE, State.ABORTED, State.FAILED)
MOST = 0xFFFFFFFF
_ANNOUNCED = struct.Struct("<IIIIIHH")
_SEGMENT = struct.Struct("<II")
_NUMBER = struct.Struct("<I")
Piece = tuple[int, int, bytes]
"""First record, how many, and their bytes."""


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
        self._rows = Rows(session, number, rows, len(inputs))
        self._aborted = aborted
        self._limit = 0
        self._piece: Piece | None = None

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
            if status.exchange == self._number and status.state == State.ABORTED:
                raise Aborted("the device stopped a waveform that was aborted") from error
            raise

    def _played(self) -> Codes:
        session = self._session
        pieces = self._pieces()
        self._piece = next(pieces, None)
        triggered = False
        while True:
            while self._may_send():
                self._send()
                self._piece = next(pieces, None)
            self._check_aborted()
            if not triggered and (self._piece is None or self._is_full()):
                # The first records are all there, or as many as there is room for.
                session.commands.settle()
                session.commands.call(Kind.TRIGGER, _NUMBER.pack(self._number))
                triggered = True
            status = self._take()
            if status is not None:
                return self._finished(status)

    def _announce(self) -> None:
        payload = announcement(
            self._records, self._sends, self._repeats, self._number, self._period, self._lines,
            self._inputs,
        )  # fmt: skip
        channels = len(self._lines) + len(self._inputs)
        answer = self._session.commands.call(Kind.EXCHANGE, payload, channels)
        _, free = _SEGMENT.unpack(answer.payload)
        self._limit = free

    def _pieces(self) -> Iterator[Piece]:
        largest = self._session.hello.max_payload - _SEGMENT.size
        for turn in range(self._sends):
            before = turn * self._records.count
            for first, count, data in self._records.pieces(largest):
                yield before + first, count, data

    def _may_send(self) -> bool:
        """Whether there is a piece to send, room for it in the store, and room on the line."""
        if self._piece is None or self._is_full():
            return False
        return self._session.commands.fits(stuffed_size(len(self._piece[2]) + _SEGMENT.size))

    def _send(self) -> None:
        assert self._piece is not None
        first, count, data = self._piece
        payload = _SEGMENT.pack(self._number, first) + data
        self._session.commands.post(Kind.SEGMENT, payload, count)

    def _is_full(self) -> bool:
        """Whether the store has no room for the piece that comes next."""
        if self._piece is None:
            return False
        credit = self._session.inbox.credit
        if credit.exchange == self._number:
            before = self._records.bytes_before(credit.accepted)
            self._limit = max(self._limit, before + credit.store_free)
        first, count, _ = self._piece
        return self._records.bytes_before(first + count) > self._limit

    def _take(self) -> Status | None:
        """Answers and readings that have come; the status, if the exchange has ended."""
        session = self._session
        session.commands.tend()
        news = session.inbox.wait(self._news, WAIT_S)
        if isinstance(news, Readings):
            self._rows.take(news)
        elif news is None and session.commands.idle:
            # No news for a while: an event, or the last readings, may have been lost.
            status = session.status()
            if status.exchange == self._number and status.rows > self._rows.taken:
                self._rows.ask_if_quiet()
        return self._ended()

    def _news(self) -> Readings | Status | bool | None:
        inbox = self._session.inbox
        found = inbox.readings() or self._ended()
        if found is not None:
            return found
        return True if inbox.has_answers or self._may_send() or self._aborted.is_set() else None

    def _ended(self) -> Status | None:
        status = self._session.inbox.status
        if status is None or status.exchange != self._number or status.state not in ENDED:
            return None
        # The last readings may still be on their way.
        waits = status.state == State.DONE and not self._rows.are_complete
        return None if waits and status.rows >= len(self._rows.codes) else status

    def _finished(self, status: Status) -> Codes:
        self._check_aborted()
        if status.state == State.ABORTED:
            raise Aborted("the device stopped a waveform that was aborted")
        if status.state == State.FAILED:
            raise Failed(status.code)
        if not self._rows.are_complete:
            raise DeviceFailed(
                f"the device played a waveform and read {status.rows} times, but was to read "
                f"{len(self._rows.codes)} times; give it this oscilab's firmware"
            )
        self._session.commands.settle()
        self._rows.acknowledge()
        return self._rows.codes

    def _check_aborted(self) -> None:
        if self._aborted.is_set():
            raise Aborted("a waveform was stopped by abort before its end")


def announcement(
    records: Records,
    sends: int,
    repeats: int,
    number: int,
    period: int,
    lines: Sequence[int],
    inputs: Sequence[int],
) -> bytes:
    """The payload that announces `records`, sent `sends` times and played `repeats` times.

    Raises:
        DeviceFailed: a count that 32 bits do not hold.
    """
    counts = {
        "records": records.count * sends,
        "repeats": repeats,
        "bytes": len(records.data) * sends,
    }
    for what, count in counts.items():
        if count > MOST:
            raise DeviceFailed(
                f"a waveform is {count} {what}, but the firmware counts up to {MOST}; play it in "
                "parts"
            )
    head = _ANNOUNCED.pack(
        number, counts["records"], repeats, period, counts["bytes"], len(lines), len(inputs)
    )
    return head + np.array([*lines, *inputs], CODE).tobytes()


def period_of(made: Capabilities, rate_hz: float, name: str) -> int:
    """The sample period of `rate_hz` in ticks of the clock of the device called `name`.

    Raises:
        DeviceFailed: its firmware cannot do it.
    """
    period = round(made.clock_hz / rate_hz)
    if period < made.min_period:
        raise DeviceFailed(
            f"device {name} was asked for {rate_hz:g} samples a second; its firmware "
            f"can do {made.clock_hz / made.min_period:g}"
        )
    if period > LONGEST:
        raise DeviceFailed(
            f"device {name} was asked for {rate_hz:g} samples a second; the slowest "
            f"that its firmware can do is {made.clock_hz / LONGEST:g}"
        )
    return period
