"""Refusals and trips of a device: error messages, and how driving resumes."""

from __future__ import annotations

import time
from typing import Any

from oscilab.errors import DeviceFailed, InterlockTripped, OscilabError, OutOfLimits
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import Aborted
from oscilab_firmware.commands import Refused
from oscilab_firmware.connection import Banks
from oscilab_firmware.guards import Guards
from oscilab_firmware.messages import NO_CHANNEL, Event, Kind, Refusal, Report, Trip
from oscilab_firmware.session import Session

RESUME = "correct the cause, then resume"
SAFE_WAIT_S = 0.02
EVENT_WAIT_S = 0.2


def sentence_of(report: Report, banks: Banks, name: str) -> DeviceFailed | OutOfLimits:
    """Return the error for a refusal by the device `name`."""
    device = f"the firmware of {name}"
    if report.code in (Refusal.RANGE, Refusal.SLEW):
        channel, value, lower, upper = _in_volts(report, banks)
        if report.code == Refusal.RANGE:
            return OutOfLimits(
                f"{device} refused {value:g} V on output {channel}, outside its limits {lower:g} "
                f"to {upper:g} V; change the set-point, or the bench's limits"
            )
        step = banks.outputs[report.channel].step
        return OutOfLimits(
            f"{device} refused a step of {report.value * step:g} V on output {channel}, above the "
            f"{report.upper * step:g} V that its slew limit allows; slow it down, or change the "
            "bench's limits"
        )
    if report.code == Refusal.INTERLOCK and report.channel >= len(banks.inputs):
        # A trip cut the reading short, and the device no longer says which input caused it.
        return InterlockTripped(
            f"{device} stopped driving: an interlock was not satisfied; {RESUME}"
        )
    if report.code == Refusal.INTERLOCK:
        channel = banks.inputs[report.channel].name
        return InterlockTripped(
            f"{device} stopped driving: its interlock input {channel} reads code {report.value}, "
            f"but must be from {report.lower} to {report.upper}; {RESUME}"
        )
    if report.code == Refusal.TRIPPED:
        return DeviceFailed(f"{device} brought its outputs to their safe values; {RESUME}")
    if report.code == Refusal.ABORTED:
        return Aborted(f"{device} stopped a waveform or a pause that was aborted")
    return DeviceFailed(f"{device} refused {_kind(report.refused)}: {_why(report, banks)}")


def failure_of(code: int, name: str) -> DeviceFailed:
    """Return the error for an exchange that failed with `code`."""
    reasons: dict[int, str] = {
        Refusal.UNDERRUN: "levels did not reach it in time; use a lower sample rate or a faster "
        "line",
        Refusal.OVERRUN: "its readings were not taken in time; use a lower sample rate, fewer "
        "inputs or a faster line",
        Refusal.PLANT: "its simulated plant ran away; narrow the ranges of the parameters",
    }
    reason = reasons.get(code, f"reason {_code(code)}; start again")
    return DeviceFailed(f"the firmware of {name} stopped a waveform: {reason}")


def trip_of(event: Event, banks: Banks, name: str) -> DeviceFailed:
    """Return the error for a trip."""
    done = f"the firmware of {name} brought its outputs to their safe values"
    if event.status.trip == Trip.INTERLOCK and event.channel < len(banks.inputs):
        channel = banks.inputs[event.channel]
        return InterlockTripped(
            f"{done}: interlock input {channel.name} reads {channel.volts(event.value):g}; {RESUME}"
        )
    if event.status.trip == Trip.INTERLOCK:
        return InterlockTripped(f"{done}: an interlock was not satisfied; {RESUME}")
    if event.status.trip == Trip.WATCHDOG:
        return InterlockTripped(
            f"{done}: it heard nothing of its host for the heartbeat's timeout; raise "
            "connection.heartbeat_timeout_s if the computer is that slow, then resume"
        )
    return DeviceFailed(f"{done}; {RESUME}")


def _in_volts(report: Report, banks: Banks) -> tuple[Any, ...]:
    line = banks.outputs[report.channel]
    return line.name, *map(line.volts, (report.value, report.lower, report.upper))


def _why(report: Report, banks: Banks) -> str:
    known: dict[int, str] = {
        Refusal.NO_ROOM: f"it needs room for {report.value}, but there is room for {report.upper}; "
        "use fewer lines or shorter waveforms",
        Refusal.BUSY: "a waveform is under way; wait for it, or abort it",
        Refusal.NO_LIMITS: "the output has no limits; wire it before it is driven",
        Refusal.VALUE: f"item {report.item} has {report.value}, which must be from {report.lower} "
        f"to {report.upper}",
    }
    why = known.get(report.code, f"{_code(report.code)}, item {report.item}")
    if report.channel != NO_CHANNEL:
        why = f"channel {report.channel}: {why}"
    return why


def _refusal(code: int) -> Refusal | None:
    return Refusal(code) if code in set(Refusal) else None


def _code(code: int) -> str:
    known = _refusal(code)
    return f"code {code}" if known is None else known.name


def _kind(number: int) -> str:
    return Kind(number).name if number in set(Kind) else f"message {number:#x}"


class Trips:
    """The trips of one session with the device `name`."""

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
        """Whether the device tripped, as far as the host knows."""
        inbox = self._session.inbox
        return inbox.tripped is not None or bool(inbox.status is not None and inbox.status.trip)

    def allow_driving(self) -> None:
        """Raise a trip that was not reported yet; clear one that was.

        A caller that drives again after a reported trip resumes; the device refuses while its
        interlocks are not satisfied. After a watchdog trip, driving is refused until the next
        `connect`.
        """
        if self._unfed is not None:
            raise InterlockTripped(self._unfed)
        if not self.stopped:
            return
        self.tell()
        # The safe values may have changed since the trip.
        self._session.make_safe()
        self.wait_until_safe()
        self._watched, self._told = False, None
        self.watch_interlocks()
        self._session.clear()
        self._session.status()

    def watch_interlocks(self) -> None:
        """Send the interlocks to the device, unless it already guards them.

        This is done with the first waveform, because a device that is only read, or made safe while
        a door is open, must not move by itself.
        """
        if not self._watched:
            self._guards.hand_over_interlocks(self._session, self._banks, self._channels)
            self._watched = True

    def tell(self) -> None:
        """Raise a trip that was not reported yet."""
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
        """Raise the last interlock trip again, for threads that did not get its event."""
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
        """Return the error for a refusal; raise the trip itself if that was the reason."""
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
        """Wait until all outputs are at their safe values."""
        while not self._session.status().at_safe:
            time.sleep(SAFE_WAIT_S)

    def _wait_for_channel(self) -> None:
        # The event names the input.
        inbox = self._session.inbox
        inbox.wait(lambda: _with_channel(inbox.tripped), EVENT_WAIT_S)


def _with_channel(event: Event | None) -> Event | None:
    return None if event is None or event.channel == NO_CHANNEL else event
