"""Trips of the device: who was told of which, and how driving begins again."""

from __future__ import annotations

import time

from oscilab.errors import InterlockTripped, OscilabError
from oscilab.wired.channels import ChannelTable
from oscilab_firmware.banks import Banks
from oscilab_firmware.commands import Refused
from oscilab_firmware.guards import Guards
from oscilab_firmware.messages import NO_CHANNEL, Refusal, Trip
from oscilab_firmware.payloads import Event
from oscilab_firmware.sentences import sentence_of, trip_of
from oscilab_firmware.session import Session

SAFE_WAIT_S = 0.02
EVENT_WAIT_S = 0.2


class Trips:
    """Those of one session with the device called `name`."""

    def __init__(
        self, session: Session, guards: Guards, banks: Banks, channels: ChannelTable, name: str
    ) -> None:
        self._session, self._guards, self._name = session, guards, name
        self._banks, self._channels = banks, channels
        self._watched = False
        self._unfed: str | None = None
        self._told: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether the device took the outputs away, as far as it is known here."""
        inbox = self._session.inbox
        return inbox.tripped is not None or bool(inbox.status is not None and inbox.status.trip)

    def allow_driving(self) -> None:
        """Raise a trip that nobody was told of; clear one that was.

        Whoever was told and drives on resumes; the device refuses it while its interlocks do not
        hold. A watchdog that tripped stays so until the next `connect`.
        """
        if self._unfed is not None:
            raise InterlockTripped(self._unfed)
        if not self.stopped:
            return
        self.tell()
        # Its safe values may be others than those that it went to.
        self._session.make_safe()
        self.wait_until_safe()
        self._watched, self._told = False, None
        self.watch_interlocks()
        self._session.clear()
        self._session.status()

    def watch_interlocks(self) -> None:
        """Let the device watch the interlocks, unless it does.

        Not before a waveform: a device that is only looked at, or made safe while a door is open,
        must not move by itself.
        """
        if not self._watched:
            self._guards.hand_over_interlocks(self._session, self._banks, self._channels)
            self._watched = True

    def tell(self) -> None:
        """Raise a trip that nobody was told of."""
        event = self._session.inbox.tripped
        self._session.inbox.tripped = None
        if event is not None and event.status.trip != Trip.MAKE_SAFE:
            self.wait_until_safe()
            trip = trip_of(event, self._banks, self._name)
            if event.status.trip == Trip.WATCHDOG:
                self._unfed = str(trip)
            if event.status.trip == Trip.INTERLOCK:
                self._told = str(trip)
            raise trip

    def tell_again(self) -> None:
        """One trip ends what every thread was doing, but only one of them finds its event."""
        if self._told is not None:
            raise InterlockTripped(self._told)

    def ended_exchange(self, code: int) -> None:
        """Raise the trip that ended an exchange with `code`, if one did."""
        if code in (Refusal.INTERLOCK, Refusal.TRIPPED):
            self._wait_for_channel()
        self.tell()
        if code == Refusal.INTERLOCK:
            self.tell_again()

    def error_of(self, refused: Refused) -> OscilabError:
        """What to raise for a refusal; raises the trip itself if that was the reason."""
        report = refused.report
        cut_short = report.code == Refusal.INTERLOCK and report.channel == NO_CHANNEL
        if cut_short:
            self._wait_for_channel()
        if cut_short or report.code == Refusal.TRIPPED:
            self.tell()
        if cut_short:
            self.tell_again()
        return sentence_of(report, self._banks, self._name)

    def wait_until_safe(self) -> None:
        """Until all outputs are at their safe values."""
        while not self._session.status().at_safe:
            time.sleep(SAFE_WAIT_S)

    def _wait_for_channel(self) -> None:
        # Which input it was comes with the event.
        inbox = self._session.inbox
        inbox.wait(lambda: _with_channel(inbox.tripped), EVENT_WAIT_S)


def _with_channel(event: Event | None) -> Event | None:
    return None if event is None or event.channel == NO_CHANNEL else event
