"""Exactly-once, in-order commands over a line that may lose, double or damage frames.

A `Link` reads the line in a separate thread and reopens it when it breaks. An `Inbox` sorts frames
for the threads that wait for them. `Commands` keeps frames until they are answered. If an answer is
missing, or reports a missing or damaged frame, it repeats all frames from the one that the device
expects (go-back-N).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from oscilab.errors import DeviceFailed
from oscilab_firmware.frames import DELIMITER, Frame, FrameParser
from oscilab_firmware.line import Broken, Line
from oscilab_firmware.messages import (
    ANSWER,
    NO_CHANNEL,
    CodedRows,
    Credit,
    Event,
    Happening,
    Kind,
    Malformed,
    Refusal,
    Report,
    Status,
)

Found = TypeVar("Found")
ANSWERS = 1024
"""Largest number of answers kept; only a flood of doubled frames exceeds it."""
URGENT = frozenset({Kind.HEARTBEAT, Kind.ABORT, Kind.MAKE_SAFE, Kind.READ_ACK})
logger = logging.getLogger(__name__)
RETRY_S = 0.2
Opener = Callable[[], Line]
WRAP = 1 << 16
"""Sequence numbers are modulo this."""
NOT_USED_UP = frozenset(
    {Refusal.SESSION, Refusal.VERSION, Refusal.SEQUENCE, Refusal.BUSY, Refusal.BAD_FRAME}
)
"""Refusals after which the same number is expected again."""
IN_VAIN = 20
"""After so many repetitions without progress, check which command the device expects."""


class Inbox:
    """Frames from the device, sorted by kind, in bounded queues; overflow is requested again.

    `status` is the latest, `tripped` the event of the last trip that was not handled yet, `credit`
    the latest (exchange, records accepted, room in the store). `heard` is the time of the last good
    frame, by the monotonic clock.
    """

    def __init__(self, session: int, most_rows: Callable[[], int]) -> None:
        self._session = session
        self._most_rows = most_rows
        self._condition = threading.Condition()
        self._answers: deque[Frame] = deque(maxlen=ANSWERS)
        self._urgent: dict[int, Status] = {}
        self._readings: deque[CodedRows] = deque()
        self._rows = 0
        self.status: Status | None = None
        self.tripped: Event | None = None
        self._trip_known = False
        self.credit = Credit(0, 0, 0)
        self.heard = time.monotonic()
        self.reopened = 0
        self.dropped = 0
        self._failure: DeviceFailed | None = None

    def put(self, frames: Iterable[Frame]) -> None:
        """Sort frames; drop those of other sessions or versions, and malformed ones."""
        with self._condition:
            for frame in frames:
                self.heard = time.monotonic()
                try:
                    self._sort(frame)
                except Malformed:
                    self.dropped += 1
            self._condition.notify_all()

    def note_reopened(self) -> None:
        """Note that a broken line was reopened."""
        with self._condition:
            self.heard = time.monotonic()
            self.reopened += 1
            self._condition.notify_all()

    def fail(self, failure: DeviceFailed) -> None:
        """End every wait."""
        with self._condition:
            self._failure = failure
            self._condition.notify_all()

    def wake(self) -> None:
        """Make every waiting thread check again."""
        with self._condition:
            self._condition.notify_all()

    def wait(self, ready: Callable[[], Found | None], seconds: float) -> Found | None:
        """Return the result of `ready`, or None after `seconds`; it runs with the inbox locked.

        Raises:
            DeviceFailed: the line broke for good.
        """
        deadline = time.monotonic() + seconds
        with self._condition:
            while True:
                found = ready()
                if found is not None:
                    return found
                if self._failure is not None:
                    raise self._failure
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._condition.wait(left)

    def answer(self) -> Frame | None:
        """Remove and return the oldest answer to a command."""
        return self._answers.popleft() if self._answers else None

    @property
    def has_answers(self) -> bool:
        """Whether there is an answer to take."""
        return bool(self._answers)

    def readings(self) -> CodedRows | None:
        """Remove and return the oldest rows of readings."""
        if not self._readings:
            return None
        found = self._readings.popleft()
        self._rows -= len(found.codes)
        return found

    def urgent(self, sequence: int) -> Status | None:
        """Remove and return the status that answered the urgent message `sequence`."""
        return self._urgent.pop(sequence, None)

    def forget_readings(self) -> None:
        """Drop the remaining readings of an earlier exchange."""
        with self._condition:
            self._readings.clear()
            self._rows = 0

    def _sort(self, frame: Frame) -> None:
        if frame.session != self._session and not _says_session_lost(frame):
            return
        if frame.type == Kind.READINGS:
            readings = CodedRows.of(frame)
            if self._rows + len(readings.codes) > self._most_rows():
                self.dropped += 1
                return
            self._rows += len(readings.codes)
            self._readings.append(readings)
        elif frame.type == Kind.CREDIT:
            self._credit(Credit.of(frame.payload))
        elif frame.type == Kind.EVENT:
            event = Event.of(frame.payload)
            if event.event == Happening.TRIPPED and (self.tripped or not self._trip_known):
                self.tripped, self._trip_known = event, True
            self._stand(event.status)
        elif frame.type & ANSWER and frame.type ^ ANSWER in URGENT:
            status = Status.of(frame.payload)
            self._urgent[frame.sequence] = status
            for old in list(self._urgent)[:-16]:
                del self._urgent[old]
            self._stand(status)
        elif frame.type == Kind.ERROR:
            # Urgent messages have their own sequence numbers.
            report = Report.of(frame.payload)
            if report.refused not in URGENT or report.code == Refusal.SESSION:
                self._answers.append(frame)
        elif frame.type == Kind.SEGMENT | ANSWER:
            self._credit(Credit.of(frame.payload))
            self._answers.append(frame)
        else:
            self._answers.append(frame)

    def _stand(self, status: Status) -> None:
        self.status = status
        if status.trip and not self._trip_known:
            # The event of the trip may be late or lost.
            self.tripped = Event(Happening.TRIPPED, NO_CHANNEL, 0, status)
        self._trip_known = bool(status.trip)
        self._credit(Credit(status.exchange, status.accepted, status.store_free))

    def _credit(self, credit: Credit) -> None:
        # A late or repeated credit is older than what is known.
        known = self.credit
        if credit.exchange != known.exchange or credit.accepted >= known.accepted:
            self.credit = credit


def _says_session_lost(frame: Frame) -> bool:
    # A device that restarted has no session and answers with session number 0.
    return (
        frame.type == Kind.ERROR
        and frame.session == 0
        and Report.of(frame.payload).code == Refusal.SESSION
    )


class Link:
    """Sends and receives the frames of one session over a line that may break.

    Frames sent while it is broken are lost, as on any bad line; callers that wait for an answer
    repeat them. If the line does not come back within `reconnect_s`, the inbox fails.

    Raises:
        DeviceFailed: the line cannot be opened initially.
    """

    def __init__(self, opener: Opener, inbox: Inbox, reconnect_s: float) -> None:
        self._opener = opener
        self._inbox = inbox
        self._reconnect_s = reconnect_s
        self.parser = FrameParser()
        try:
            self._line = opener()
        except Broken as error:
            raise DeviceFailed(
                f"the device's line cannot be opened: {error}; check cable, port and permissions"
            ) from error
        self.name = self._line.name
        self._ending = threading.Event()
        self._broken = threading.Event()
        self._broken_at: float | None = None
        # Bytes left on the line from earlier are not part of the first frame.
        self.send(DELIMITER)
        self._reader = threading.Thread(
            target=self._read, name=f"oscilab reads {self.name}", daemon=True
        )
        self._reader.start()

    @property
    def is_broken(self) -> bool:
        """Whether the line is broken and may come back."""
        return self._broken.is_set()

    def send(self, data: bytes) -> None:
        """Send a frame, unless the line is broken."""
        if self._broken.is_set():
            return
        try:
            self._line.write(data)
        except Broken as error:
            logger.debug("%s: not sent: %s", self.name, error)

    def close(self) -> None:
        """Stop the reader and close the line; idempotent."""
        self._ending.set()
        self._line.interrupt()
        if self._reader is not threading.current_thread():
            self._reader.join()
        self._line.close()

    def _read(self) -> None:
        while not self._ending.is_set():
            try:
                data = self._line.read()
            except Broken as error:
                if self._ending.is_set() or not self._reopened(error):
                    return
                continue
            if data:
                frames = self.parser.feed(data)
                if frames:
                    self._broken_at = None
                    self._inbox.put(frames)

    def _reopened(self, why: Broken) -> bool:
        self._broken.set()
        logger.warning("%s: the line broke (%s); trying to open it again", self.name, why)
        self._line.close()
        # A line that opens but delivers nothing does not count as back.
        self._broken_at = self._broken_at or time.monotonic()
        last: Exception = why
        while not self._ending.wait(RETRY_S):
            if time.monotonic() - self._broken_at > self._reconnect_s:
                break
            try:
                self._line = self._opener()
            except Broken as error:
                last = error
                continue
            self._broken.clear()
            self.send(DELIMITER)
            logger.warning("%s: the line is back", self._line.name)
            self._inbox.note_reopened()
            return True
        self._inbox.fail(
            DeviceFailed(
                f"the line {self._line.name} broke ({why}) and did not come back within "
                f"{self._reconnect_s:g} s (now: {last}); its firmware brings the outputs to their "
                "safe values; check the cable, then start again"
            )
        )
        return False


class Sent(NamedTuple):
    """A command as sent over the line."""

    kind: int
    sequence: int
    data: bytes


class Unanswered:
    """A queue of commands, with the number of the next one; `first` is the first number.

    An interruption between any two lines neither loses a number nor uses one twice.
    """

    def __init__(self, first: int) -> None:
        self._sent: deque[Sent] = deque()
        self._next = first % WRAP
        self.size = 0
        """Bytes of unanswered frames."""

    def __len__(self) -> int:
        return len(self._sent)

    def __iter__(self) -> Iterator[Sent]:
        return iter(list(self._sent))

    @property
    def oldest(self) -> int:
        """The number of the command that was sent first."""
        return self._sent[0].sequence

    @property
    def next_number(self) -> int:
        """The number that the next command gets."""
        return (self._sent[-1].sequence + 1) % WRAP if self._sent else self._next

    def add(self, sent: Sent) -> None:
        """Keep a command, which has `next_number`."""
        self._sent.append(sent)
        self.size += len(sent.data)

    def place_of(self, sequence: int) -> int | None:
        """Return the place of the command `sequence`, if it is in the queue."""
        if not self._sent:
            return None
        place = (sequence - self._sent[0].sequence) % WRAP
        return place if place < len(self._sent) else None

    def kind_at(self, place: int) -> int:
        """Return the kind of the command at a place."""
        return self._sent[place].kind

    def strike_out(self, place: int) -> None:
        """Remove the command at a place, and all before it."""
        for _ in range(place + 1):
            # In this order, so that an interruption between two lines loses no number.
            self._next = (self._sent[0].sequence + 1) % WRAP
            self.size -= len(self._sent.popleft().data)
        if not self._sent:
            self.size = 0

    def take_back(self, sequence: int) -> bool:
        """Remove the last command and free its number; return whether it was `sequence`."""
        if not self._sent or self._sent[-1].sequence != sequence:
            return False
        self._next = sequence
        self.size -= len(self._sent.pop().data)
        return True


class Refused(Exception):
    """The device refused a command."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report


class SessionLost(DeviceFailed):
    """The device does not have the session: it restarted, or another host drives it."""


@dataclass(frozen=True)
class Patience:
    """Timeouts: `reply_s` until frames are repeated, `silence_s` of silence until failure."""

    reply_s: float = 0.25
    silence_s: float = 3.0


class Commands:
    """The numbered commands of one session; any thread may call, one at a time.

    `room` is the largest number of bytes of unanswered frames.
    """

    def __init__(
        self, link: Link, inbox: Inbox, session: int, first: int, room: int, patience: Patience
    ) -> None:
        self._link, self._inbox, self._session = link, inbox, session
        self._patience = patience
        self._room = room
        self._lock = threading.RLock()
        self._unanswered = Unanswered(first)
        self._sent_at = 0.0
        self._rewound_to = -1
        self._in_vain = 0
        self._reopened = inbox.reopened
        self.repeated = 0

    def call(
        self,
        kind: Kind,
        payload: bytes = b"",
        count: int = 0,
        meanwhile: Callable[[], None] | None = None,
    ) -> Frame:
        """Send a command and return its answer.

        The call waits as long as frames come from the device. `meanwhile` is called after sending
        and repeatedly until the answer.

        Raises:
            Refused: the device refused the command.
            DeviceFailed: the device fell silent.
            SessionLost: the device restarted, or another host drives it.
        """
        with self._lock:
            self.settle(forgive=True)
            number = self._send(kind, payload, count)
            while True:
                if meanwhile is not None:
                    meanwhile()
                answer = self._progress(self._patience.reply_s)
                if answer is not None and answer.sequence == number:
                    return answer

    def fits(self, size: int) -> bool:
        """Return whether a frame of `size` bytes can be posted now."""
        return self._unanswered.size + size <= self._room or not self._unanswered

    def post(self, kind: Kind, payload: bytes, count: int) -> None:
        """Send a command without waiting for its answer."""
        with self._lock:
            self._send(kind, payload, count)

    def tend(self) -> None:
        """Handle answers to posted commands and repeat overdue ones.

        Raises:
            Refused, DeviceFailed: see `call`.
        """
        with self._lock:
            while self._unanswered and self._progress(0.0) is not None:
                pass

    @property
    def idle(self) -> bool:
        """Whether all commands were answered."""
        return not self._unanswered

    def settle(self, forgive: bool = False) -> None:
        """Wait until all commands were answered; with `forgive`, ignore refusals.

        Raises:
            Refused, DeviceFailed: see `call`.
        """
        with self._lock:
            while self._unanswered:
                try:
                    self._progress(self._patience.reply_s)
                except Refused:
                    if not forgive:
                        raise

    def _send(self, kind: Kind, payload: bytes, count: int) -> int:
        number = self._unanswered.next_number
        data = Frame(kind, payload, number, self._session, count).encoded()
        if not self._unanswered:
            self._sent_at = time.monotonic()
        # Queue the frame before sending it: if the next line is interrupted, its number stays taken
        # and it is repeated.
        self._unanswered.add(Sent(kind, number, data))
        self._link.send(data)
        return number

    def _progress(self, seconds: float) -> Frame | None:
        """Return one answer to an unanswered command; None if there is none yet."""
        frame = self._inbox.wait(self._next_answer, seconds)
        if frame is None:
            self._repeat_if_overdue()
            return None
        report = Report.of(frame.payload) if frame.type == Kind.ERROR else None
        if report is not None and report.code == Refusal.BUSY:
            self._refuse_busy(frame.sequence, report)
            return None
        if report is not None and report.code in NOT_USED_UP:
            self._out_of_step(report)
            return None
        kind = frame.type ^ ANSWER if report is None else report.refused
        if not self._answered_up_to(frame.sequence, kind):
            return None
        if report is not None:
            raise Refused(report)
        return frame

    def _next_answer(self) -> Frame | None:
        if self._inbox.reopened != self._reopened:
            # Frames in transit when the line broke are lost.
            self._reopened = self._inbox.reopened
            self._repeat()
        return self._inbox.answer()

    def _answered_up_to(self, sequence: int, kind: int | None = None) -> bool:
        """Remove a command and all before it; return whether it was unanswered."""
        place = self._unanswered.place_of(sequence)
        if place is None or kind not in (None, self._unanswered.kind_at(place)):
            return False
        self._unanswered.strike_out(place)
        self._sent_at = time.monotonic()
        self._rewound_to = -1
        self._in_vain = 0
        return True

    def _refuse_busy(self, sequence: int, report: Report) -> None:
        """Remove a command that the device is too busy for; its number is free again."""
        place = self._unanswered.place_of(sequence)
        # A doubled refusal may meet the next command, which reuses the number.
        if place is None or self._unanswered.kind_at(place) != report.refused:
            return
        if self._unanswered.take_back(sequence):
            raise Refused(report)

    def _out_of_step(self, report: Report) -> None:
        if not self._unanswered:
            return
        if report.code == Refusal.SESSION:
            raise SessionLost(
                f"the device on {self._link.name} lost its session: it restarted, or another "
                "program drives it; its outputs may be at their power-on values; check them, "
                "then start again"
            )
        if report.code == Refusal.VERSION:
            raise DeviceFailed(
                f"the device on {self._link.name} refuses this session's protocol version; "
                "start again"
            )
        if report.code == Refusal.SEQUENCE:
            # Commands before the expected one were carried out; their answers were lost.
            self._answered_up_to((report.expected - 1) % WRAP)
            if self._unanswered.place_of(report.expected) is None:
                return
        # Every frame after a lost one is refused; going back once is enough.
        if self._unanswered and self._rewound_to != self._unanswered.oldest:
            self._rewound_to = self._unanswered.oldest
            self._repeat()

    def _repeat_if_overdue(self) -> None:
        if self._link.is_broken:
            return
        now = time.monotonic()
        if now - self._inbox.heard > self._patience.silence_s:
            raise DeviceFailed(
                f"the device on {self._link.name} has been silent for "
                f"{self._patience.silence_s:g} s; is it powered, and does it run oscilab's "
                "firmware?"
            )
        if self._unanswered and now - self._sent_at > self._patience.reply_s:
            self._in_vain += 1
            self._refuse_out_of_step()
            self._repeat()

    def _refuse_out_of_step(self) -> None:
        status = self._inbox.status
        if self._in_vain < IN_VAIN or status is None:
            return
        # A command in progress may take long; one that the device does not expect never ends.
        ahead = (status.expected - self._unanswered.oldest) % WRAP
        if ahead > len(self._unanswered):
            raise DeviceFailed(
                f"the device on {self._link.name} expects command {status.expected}, but "
                f"{self._unanswered.oldest} is under way; start again"
            )

    def _repeat(self) -> None:
        self._sent_at = time.monotonic()
        for sent in self._unanswered:
            self.repeated += 1
            self._link.send(sent.data)
