"""What a device refused, as a sentence for people."""

from __future__ import annotations

from typing import Any

from oscilab.errors import DeviceFailed, InterlockTripped, OutOfLimits
from oscilab.wired.front_end import Aborted
from oscilab_firmware.banks import Banks
from oscilab_firmware.messages import NO_CHANNEL, Kind, Refusal, Trip
from oscilab_firmware.payloads import Event, Report

RESUME = "mend the cause, then resume"


def sentence_of(report: Report, banks: Banks, name: str) -> DeviceFailed | OutOfLimits:
    """The error to raise for a refusal by the device called `name`."""
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
        # Of a reading that a trip cut short, where nobody is left to say which input it was.
        return InterlockTripped(f"{device} stopped driving: an interlock did not hold; {RESUME}")
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
    """The error to raise for an exchange that failed with that code."""
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
    """The error to raise for a trip."""
    done = f"the firmware of {name} brought its outputs to their safe values"
    if event.status.trip == Trip.INTERLOCK and event.channel < len(banks.inputs):
        channel = banks.inputs[event.channel]
        return InterlockTripped(
            f"{done}: interlock input {channel.name} reads {channel.volts(event.value):g}; {RESUME}"
        )
    if event.status.trip == Trip.INTERLOCK:
        return InterlockTripped(f"{done}: an interlock did not hold; {RESUME}")
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
