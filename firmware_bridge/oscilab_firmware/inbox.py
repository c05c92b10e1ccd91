"""Where the reader's thread puts what has come, and other threads wait for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from oscilab.errors import DeviceFailed
from oscilab_firmware.frames import Frame
from oscilab_firmware.messages import ANSWER, NO_CHANNEL, Happening, Kind, Refusal
from oscilab_firmware.payloads import Credit, Event, Malformed, Readings, Report, Status

Found = TypeVar("Found")
ANSWERS = 1024
"""Answers that nobody has taken: more come only if frames are doubled without end."""
URGENT = frozenset({Kind.HEARTBEAT, Kind.ABORT, Kind.MAKE_SAFE, Kind.READ_ACK})


class Inbox:
    """What a device said, by kind. Its queues are bounded; what overflows is asked for again.

    `status` is the newest, `tripped` the event of the last trip that nobody has taken note of yet,
    `limit` the most (exchange, records accepted, room in the store) told so far. `heard` is when
    the last good frame came, by the monotonic clock. `failure` ends every wait.
    """

    def __init__(self, session: int, most_rows: Callable[[], int]) -> None:
        self._session = session
        self._most_rows = most_rows
        self._condition = threading.Condition()
        self._answers: deque[Frame] = deque(maxlen=ANSWERS)
        self._urgent: dict[int, Status] = {}
        self._readings: deque[Readings] = deque()
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
        """Sort frames; those of another session or version, and malformed ones, are left out."""
        with self._condition:
            for frame in frames:
                self.heard = time.monotonic()
                try:
                    self._sort(frame)
                except Malformed:
                    self.dropped += 1
            self._condition.notify_all()

    def note_reopened(self) -> None:
        """The line is there again after it broke."""
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
        """Let every waiting thread look again."""
        with self._condition:
            self._condition.notify_all()

    def wait(self, ready: Callable[[], Found | None], seconds: float) -> Found | None:
        """What `ready` finds, None after `seconds`; it is called with the inbox at rest.

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
        """The oldest answer to a command, taken out."""
        return self._answers.popleft() if self._answers else None

    @property
    def has_answers(self) -> bool:
        """Whether there is an answer to take."""
        return bool(self._answers)

    def readings(self) -> Readings | None:
        """The oldest readings, taken out."""
        if not self._readings:
            return None
        found = self._readings.popleft()
        self._rows -= len(found.codes)
        return found

    def urgent(self, sequence: int) -> Status | None:
        """The status that answered the urgent message of that number, taken out."""
        return self._urgent.pop(sequence, None)

    def forget_readings(self) -> None:
        """Drop what is left of an earlier exchange."""
        with self._condition:
            self._readings.clear()
            self._rows = 0

    def _sort(self, frame: Frame) -> None:
        if frame.session != self._session and not _says_session_lost(frame):
            return
        if frame.type == Kind.READINGS:
            readings = Readings.of(frame)
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
            # Numbers of urgent messages are not those of commands.
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
            # Its event may come late, or be lost.
            self.tripped = Event(Happening.TRIPPED, NO_CHANNEL, 0, status)
        self._trip_known = bool(status.trip)
        self._credit(Credit(status.exchange, status.accepted, status.store_free))

    def _credit(self, credit: Credit) -> None:
        # Told late or twice, it says less than what is known already.
        known = self.credit
        if credit.exchange != known.exchange or credit.accepted >= known.accepted:
            self.credit = credit


def _says_session_lost(frame: Frame) -> bool:
    # A device that restarted has no session, and says so in the name of none.
    return (
        frame.type == Kind.ERROR
        and frame.session == 0
        and Report.of(frame.payload).code == Refusal.SESSION
    )
