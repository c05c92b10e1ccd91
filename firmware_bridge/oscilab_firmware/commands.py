"""Commands in order, each once, over a line that may lose, double or damage frames.

Frames are kept until they are answered, and are all sent again from the one that the device expects
when an answer does not come, or says that a frame was missing or damaged (go-back-N).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from oscilab.errors import DeviceFailed
from oscilab_firmware.frames import Frame
from oscilab_firmware.inbox import Inbox
from oscilab_firmware.link import Link
from oscilab_firmware.messages import ANSWER, Kind, Refusal
from oscilab_firmware.payloads import Report
from oscilab_firmware.unanswered import WRAP, Sent, Unanswered

NOT_USED_UP = frozenset(
    {Refusal.SESSION, Refusal.VERSION, Refusal.SEQUENCE, Refusal.BUSY, Refusal.BAD_FRAME}
)
"""Refusals after which the same number is expected again."""
IN_VAIN = 20
"""After so many repetitions without progress it is looked at what the device expects."""


class Refused(Exception):
    """The device refused a command."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report


class SessionLost(DeviceFailed):
    """The device knows nothing of the session: it restarted, or another host drives it."""


@dataclass(frozen=True)
class Patience:
    """`reply_s` until frames are sent again; `silence_s` without any frame, and it has failed."""

    reply_s: float = 0.25
    silence_s: float = 3.0


class Commands:
    """The numbered commands of one session. Any thread may call; one command is served at a time.

    `room` is how many bytes of unanswered frames may be under way.
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
        """Send a command, and the answer to it.

        However long the device takes, as long as it is heard of. `meanwhile` is called as it was
        sent, and now and then after that.

        Raises:
            Refused: by the device.
            DeviceFailed: it fell silent; SessionLost: it restarted.
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
        """Whether a frame of `size` bytes can be posted now."""
        return self._unanswered.size + size <= self._room or not self._unanswered

    def post(self, kind: Kind, payload: bytes, count: int) -> None:
        """Send a command that others may follow before it is answered."""
        with self._lock:
            self._send(kind, payload, count)

    def tend(self) -> None:
        """Take what answers there are to posted commands, and repeat what is overdue.

        Raises:
            Refused, DeviceFailed: see `call`.
        """
        with self._lock:
            while self._unanswered and self._progress(0.0) is not None:
                pass

    @property
    def idle(self) -> bool:
        """Whether everything was answered."""
        return not self._unanswered

    def settle(self, forgive: bool = False) -> None:
        """Wait until everything was answered; `forgive` what was refused meanwhile.

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
        # The frame is on record before its first byte leaves: whatever interrupts the next line,
        # its number stays taken and it is sent again.
        self._unanswered.add(Sent(kind, number, data))
        self._link.send(data)
        return number

    def _progress(self, seconds: float) -> Frame | None:
        """One answer to an unanswered command; None if there is none yet."""
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
            # What was on its way as the line broke is lost.
            self._reopened = self._inbox.reopened
            self._repeat()
        return self._inbox.answer()

    def _answered_up_to(self, sequence: int, kind: int | None = None) -> bool:
        """Strike out a command and all before it; whether it was among the unanswered."""
        place = self._unanswered.place_of(sequence)
        if place is None or kind not in (None, self._unanswered.kind_at(place)):
            return False
        self._unanswered.strike_out(place)
        self._sent_at = time.monotonic()
        self._rewound_to = -1
        self._in_vain = 0
        return True

    def _refuse_busy(self, sequence: int, report: Report) -> None:
        """Take back a command whose time has not come; its number is free again."""
        place = self._unanswered.place_of(sequence)
        # Told twice, it may meet the next command, which has the number that it freed.
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
                "program drives it; its outputs may be at their power-on values; look after it, "
                "then start again"
            )
        if report.code == Refusal.VERSION:
            raise DeviceFailed(
                f"the device on {self._link.name} refuses this session's protocol version; "
                "start again"
            )
        if report.code == Refusal.SEQUENCE:
            # Those before the one expected were carried out; their answers were lost.
            self._answered_up_to((report.expected - 1) % WRAP)
            if self._unanswered.place_of(report.expected) is None:
                return
        # Every frame behind a lost one says so; to go back once is enough.
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
        # A command under way may take its time; one that is not even expected never ends.
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
