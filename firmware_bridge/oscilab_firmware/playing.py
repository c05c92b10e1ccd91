"""Playback of a waveform, from its first record to its last reading."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from oscilab.errors import DeviceFailed
from oscilab.types import IntArray
from oscilab.wired.front_end import Aborted
from oscilab_firmware.commands import Refused
from oscilab_firmware.frames import stuffed_size
from oscilab_firmware.messages import (
    CODE,
    Capabilities,
    CodedRows,
    Codes,
    Kind,
    Report,
    State,
    Status,
)
from oscilab_firmware.session import Session

HELD = 0x80000000
"""Flag in `samples`: the levels are those of the previous record."""
LONGEST = 0x7FFFFFFF
"""Largest number of samples in a record, and of ticks in a sample period."""
HEAD_WORDS = 4
QUIET_S = 0.05
"""Time without readings after which those that are due may have been lost."""
MOST_QUIET_S = 2.0
WAIT_S = 0.05
"""Time without news after which the status is requested."""
ENDED = (State.DONE, State.ABORTED, State.FAILED)
MOST = 0xFFFFFFFF
_ANNOUNCED = struct.Struct("<IIIIIHH")
_SEGMENT = struct.Struct("<II")
_NUMBER = struct.Struct("<I")
Piece = tuple[int, int, bytes]
"""First record, number of records, and their bytes."""


@dataclass(frozen=True, eq=False)
class Records:
    """Concatenated records; record n begins at byte `offsets[n]` of `data`."""

    data: bytes
    offsets: IntArray

    @property
    def count(self) -> int:
        """The number of records."""
        return len(self.offsets) - 1

    def bytes_before(self, record: int) -> int:
        """Return the bytes of all records before `record`, which counts through repeats."""
        repeat, place = divmod(record, self.count)
        return repeat * len(self.data) + int(self.offsets[place])

    def pieces(self, largest: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield (first record, number, bytes) in pieces of at most `largest` bytes.

        A record that is larger is a piece of its own, which the device refuses.
        """
        first = 0
        while first < self.count:
            end = self.offsets[first] + largest
            last = int(np.searchsorted(self.offsets, end, side="right")) - 1
            last = max(last, first + 1)
            yield first, last - first, self.data[self.offsets[first] : self.offsets[last]]
            first = last


def records_of(codes: Codes, samples: IntArray, read: IntArray) -> Records:
    """Return records of `codes` `[line, step]`, held for `samples` `[step]`, with reads in `read`.

    A step is cut after each run of samples to be read, and where it exceeds a record's length.
    `read` `[reading]` is ascending.
    """
    lines, steps = codes.shape
    ends = np.cumsum(samples)
    begins = ends - samples
    after = read[np.flatnonzero(np.diff(read, append=-1) != 1)] + 1
    long = np.flatnonzero(samples > LONGEST)
    middles = [np.arange(begins[n] + LONGEST, ends[n], LONGEST) for n in long]
    stops = np.unique(np.concatenate([ends, after, *middles]))
    starts = np.concatenate([[0], stops[:-1]])
    step = np.searchsorted(ends, starts, side="right")
    held = starts != begins[step]
    wanted = np.searchsorted(read, stops) - np.searchsorted(read, starts)
    words = np.where(held, HEAD_WORDS, HEAD_WORDS + lines)
    places = np.concatenate([[0], np.cumsum(words)])
    head = np.empty((len(stops), 2), "<u4")
    head[:, 0] = (stops - starts) | np.where(held, HELD, 0)
    head[:, 1] = wanted
    data = np.empty(int(places[-1]), CODE)
    data[places[:-1, None] + np.arange(HEAD_WORDS)] = head.view(CODE)
    full = places[:-1][~held]
    data[full[:, None] + HEAD_WORDS + np.arange(lines)] = codes.T
    assert len(full) == steps
    return Records(data.tobytes(), 2 * places)


class Rows:
    """Collects `rows` rows of codes of `inputs` inputs."""

    def __init__(self, session: Session, exchange: int, rows: int, inputs: int) -> None:
        self._session, self._exchange = session, exchange
        self.codes = np.empty((rows, inputs), np.uint16)
        self.taken = 0
        self._acknowledged = 0
        # An eighth of the device's buffer, so that it never waits for an acknowledgement.
        row_bytes = max(inputs, 1) * CODE.itemsize
        self._ack_every = max(1, session.capabilities.readings_bytes // 8 // row_bytes)
        self._heard = time.monotonic()
        self._asked_at = -1
        self._patience = QUIET_S

    @property
    def are_complete(self) -> bool:
        """Whether all rows have arrived."""
        return self.taken >= len(self.codes)

    def take(self, readings: CodedRows) -> None:
        """Store readings; after a gap, drop them and request the missing rows and all after."""
        if readings.exchange != self._exchange:
            return
        skip = self.taken - readings.first_row
        if skip < 0:
            if self._asked_at != self.taken or self._quiet_for(4 * self._patience):
                self._ask()
            return
        self._heard = time.monotonic()
        new = readings.codes[skip:]
        if not len(new):
            return
        self.codes[self.taken : self.taken + len(new)] = new
        self.taken += len(new)
        self._patience = QUIET_S
        if self.taken - self._acknowledged >= self._ack_every:
            self.acknowledge()

    def ask_if_quiet(self) -> None:
        """Request missing rows if none came for a while, at growing intervals."""
        if not self.are_complete and self._quiet_for(self._patience):
            self._ask()

    def acknowledge(self) -> None:
        """Acknowledge the rows that have arrived, so that the device frees them."""
        self._acknowledged = self.taken
        self._session.acknowledge(self._exchange, self.taken, again=False)

    def _quiet_for(self, seconds: float) -> bool:
        return time.monotonic() - self._heard > seconds

    def _ask(self) -> None:
        # Rows already in transit arrive first; repeated requests would keep the device from making
        # progress.
        self._heard = time.monotonic()
        self._asked_at = self.taken
        self._patience = min(2 * self._patience, MOST_QUIET_S)
        self._session.acknowledge(self._exchange, self.taken, again=True)


class Failed(Exception):
    """The device ended an exchange for the reason `code`; `report` has details if there are any."""

    def __init__(self, code: int, report: Report | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.report = report if report is not None and report.code == code else None


@dataclass(frozen=True, eq=False)
class Exchange:
    """`records`, played `repeats` times on outputs `lines`, with one sample per `period` ticks.

    `inputs` are read in `rows` samples in total. `number` identifies the exchange.
    """

    number: int
    records: Records
    repeats: int
    period: int
    lines: Sequence[int]
    inputs: Sequence[int]
    rows: int

    def sends(self, store_bytes: int) -> int:
        """Return how often all records are sent: once if the device can store them."""
        return 1 if len(self.records.data) <= store_bytes else self.repeats

    def announcement(self, sends: int) -> bytes:
        """Return the payload that announces records which are sent `sends` times.

        Raises:
            DeviceFailed: a count exceeds 32 bits.
        """
        counts = {
            "records": self.records.count * sends,
            "repeats": self.repeats if sends == 1 else 1,
            "bytes": len(self.records.data) * sends,
        }
        for what, count in counts.items():
            if count > MOST:
                raise DeviceFailed(
                    f"a waveform is {count} {what}, but the firmware counts up to {MOST}; play it "
                    "in parts"
                )
        head = _ANNOUNCED.pack(
            self.number, counts["records"], counts["repeats"], self.period, counts["bytes"],
            len(self.lines), len(self.inputs),
        )  # fmt: skip
        return head + np.array([*self.lines, *self.inputs], CODE).tobytes()


class Playing:
    """One exchange in progress; setting `aborted` ends it."""

    def __init__(self, session: Session, exchange: Exchange, aborted: threading.Event) -> None:
        self._session, self._exchange = session, exchange
        self._number, self._records = exchange.number, exchange.records
        self._sends = exchange.sends(session.capabilities.store_bytes)
        self._rows = Rows(session, exchange.number, exchange.rows, len(exchange.inputs))
        self._aborted = aborted
        self._limit = 0
        self._piece: Piece | None = None

    def run(self) -> Codes:
        """Play the exchange, and return the codes `[row, input]` that were read.

        Raises:
            Refused: the device refused it.
            Failed: the device ended it.
            Aborted: `aborted` was set.
            DeviceFailed: the device fell silent.
        """
        self._session.expect_rows_of(len(self._exchange.inputs))
        self._announce()
        try:
            return self._played()
        except Refused as error:
            # Records that arrive after the exchange ended are refused; report why it ended.
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
                # All records have been sent, or as many as there is room for.
                session.commands.settle()
                session.commands.call(Kind.TRIGGER, _NUMBER.pack(self._number))
                triggered = True
            status = self._take()
            if status is not None:
                return self._finished(status)

    def _announce(self) -> None:
        exchange = self._exchange
        payload = exchange.announcement(self._sends)
        channels = len(exchange.lines) + len(exchange.inputs)
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
        """Return whether there is a piece to send, with room in the store and on the line."""
        if self._piece is None or self._is_full():
            return False
        return self._session.commands.fits(stuffed_size(len(self._piece[2]) + _SEGMENT.size))

    def _send(self) -> None:
        assert self._piece is not None
        first, count, data = self._piece
        payload = _SEGMENT.pack(self._number, first) + data
        self._session.commands.post(Kind.SEGMENT, payload, count)

    def _is_full(self) -> bool:
        """Return whether the store has no room for the next piece."""
        if self._piece is None:
            return False
        credit = self._session.inbox.credit
        if credit.exchange == self._number:
            before = self._records.bytes_before(credit.accepted)
            self._limit = max(self._limit, before + credit.store_free)
        first, count, _ = self._piece
        return self._records.bytes_before(first + count) > self._limit

    def _take(self) -> Status | None:
        """Take answers and readings, and return the status if the exchange has ended."""
        session = self._session
        session.commands.tend()
        news = session.inbox.wait(self._news, WAIT_S)
        if isinstance(news, CodedRows):
            self._rows.take(news)
        elif news is None and session.commands.idle:
            # An event, or the last readings, may have been lost.
            status = session.status()
            if status.exchange == self._number and status.rows > self._rows.taken:
                self._rows.ask_if_quiet()
        return self._ended()

    def _news(self) -> CodedRows | Status | bool | None:
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


def period_of(made: Capabilities, rate_hz: float, name: str) -> int:
    """Return the sample period of `rate_hz` in ticks of the clock of device `name`.

    Raises:
        DeviceFailed: its firmware does not support the rate.
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
