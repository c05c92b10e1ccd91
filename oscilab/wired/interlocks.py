"""Interlocks: conditions on inputs that must be satisfied before and while outputs are driven.

    [devices.daq0.interlocks]
    door = { channel = "di0", level = 1 }
    cooling = { channel = "ai12", below = 4.5 }
    controller = { channel = "di1", beats_every_s = 0.5 }

They are levels, not edges: an interlock at the wrong level refuses every start, and a run that it
stopped begins again only when somebody resumes it. A heartbeat is a line that must change its level
again and again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from oscilab.bench.tables import Table, validated
from oscilab.errors import InterlockTripped, InvalidInput
from oscilab.types import BoolArray, FloatArray
from oscilab.wired.channels import ChannelTable

Finite = Annotated[float, Field(allow_inf_nan=False)]
STILL_READINGS = 8
"""Readings at one level, in a row, before a heartbeat's line counts as still."""


class Interlock(Table):
    """A digital input that must be at `level`, or an analog one `above` and `below` bounds, or one
    that must pass 0.5 V, up or down, at least every `beats_every_s`.
    """

    channel: str
    level: Annotated[int, Field(ge=0, le=1)] | None = None
    above: Finite | None = None
    below: Finite | None = None
    beats_every_s: Annotated[float, Field(ge=0.1, le=60.0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Interlock:
        bounds = self.above is not None or self.below is not None
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError(f"nothing is above {self.above:g} and below {self.below:g} V")
        if (self.level is not None) + bounds + (self.beats_every_s is not None) != 1:
            raise ValueError(
                "give either level, or above and below, or one of these, or beats_every_s"
            )
        return self

    @property
    def window(self) -> tuple[float, float]:
        """Volts above the first and below the second allow driving; NaN never does."""
        if self.level is not None:
            half = float(np.nextafter(0.5, 1.0))
            return (0.5, np.inf) if self.level else (-np.inf, half)
        return (
            -np.inf if self.above is None else self.above,
            np.inf if self.below is None else self.below,
        )

    def satisfied(self, volts: FloatArray) -> BoolArray:
        """Return whether each of `volts` allows driving; NaN does not."""
        above, below = self.window
        return (volts > above) & (volts < below)

    def demand(self) -> str:
        """Return what it asks for, in words."""
        if self.level is not None:
            return f"at level {self.level}"
        parts = [
            f"{word} {bound:g} V"
            for word, bound in (("above", self.above), ("below", self.below))
            if bound is not None
        ]
        return " and ".join(parts)


class Interlocks:
    """All interlocks of a device.

    `locks` maps a name to its interlock; `channels` are the inputs to read, one for each. `live`
    says whether the front end can read inputs while it plays. `seen` keeps the last reading of
    each, and whether it allowed driving.

    Raises:
        InvalidInput: an unknown key or channel, a bound that no reading can pass, or a heartbeat
            on a front end that cannot read inputs while it plays.
    """

    def __init__(
        self, table: Mapping[str, Any], channels: ChannelTable, where: str, live: bool = False
    ) -> None:
        locks: dict[str, Interlock] = {}
        self.seen: dict[str, tuple[float, bool]] = {}
        for name, value in table.items():
            lock = validated(Interlock, value, where, [name])
            _check_bounds(name, lock, channels, where)
            if lock.beats_every_s is not None and not live:
                raise InvalidInput(
                    f"{where}: {name} is a heartbeat, but this front end cannot read "
                    f"{lock.channel} while it plays a waveform (it lacks live_inputs); use a "
                    "level, or a watchdog of the hardware's own"
                )
            locks[name] = lock
        self.locks: Mapping[str, Interlock] = locks
        self.channels = [lock.channel for lock in locks.values()]
        # A heartbeat is left out of `check`: one reading does not tell whether a line beats.
        self._levels = [
            (row, name, *lock.window)
            for row, (name, lock) in enumerate(locks.items())
            if lock.beats_every_s is None
        ]

    @property
    def longest_beat_s(self) -> float:
        """Of all heartbeats; 0 without any."""
        return max((lock.beats_every_s or 0.0 for lock in self.locks.values()), default=0.0)

    def check(self, volts: Sequence[FloatArray] | FloatArray) -> None:
        """Refuse readings that forbid driving: one array `[reading]` for each interlock.

        Heartbeats are not checked here; see `Beats`.

        Raises:
            InterlockTripped: naming the interlock, its channel and its value.
        """
        for row, name, above, below in self._levels:
            readings = volts[row]
            allowed = (readings > above) & (readings < below)
            if len(readings):
                self.seen[name] = (float(readings[-1]), bool(allowed.all()))
            if not allowed.all():
                lock, found = self.locks[name], readings[np.flatnonzero(~allowed)[0]]
                raise InterlockTripped(
                    f"interlock {name} on {lock.channel} reads {found:g}, but must be "
                    f"{lock.demand()}; outputs go to their safe values; correct the cause, then "
                    "resume"
                )


def _check_bounds(name: str, lock: Interlock, channels: ChannelTable, where: str) -> None:
    """Refuse an interlock that could never trip: a saturated reading must be beyond its bounds."""
    try:
        channel = channels.input(lock.channel)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {name}.channel: {error}") from error
    low, high = (float(reach[0]) for reach in channels.reach_of([lock.channel]))
    deaf = (lock.above is not None and lock.above < low) or (
        lock.below is not None and lock.below > high
    )
    if deaf:
        raise InvalidInput(
            f"{where}: {name} asks for {lock.channel} {lock.demand()}, but that input reads only "
            f"{channel.lower:g} to {channel.upper:g} V, up to whose ends it could never trip; set "
            "the bounds well within them"
        )


@dataclass
class _Beat:
    """One heartbeat so far: its last level, since when, and in how many readings."""

    level: bool
    since: float
    readings: int = 0
    heard: bool = False


class Beats:
    """The heartbeats of a device, from readings of its interlocks one after the other."""

    def __init__(self, interlocks: Interlocks) -> None:
        self._locks = interlocks.locks
        self._beats: dict[str, _Beat] = {}

    @property
    def shortest_s(self) -> float:
        """Of all heartbeats; infinite without any."""
        return min((lock.beats_every_s or np.inf for lock in self._locks.values()), default=np.inf)

    def see(self, volts: FloatArray, now: float) -> bool:
        """Take one reading of each interlock, `[interlock]`, at the time `now` in seconds.

        Return whether every heartbeat was heard by now.

        Raises:
            InterlockTripped: a line stood still for longer than it may, and for so many readings
                that it was not this host that was asleep.
        """
        for (name, lock), reading in zip(self._locks.items(), volts.tolist(), strict=True):
            if lock.beats_every_s is None:
                continue
            if not np.isfinite(reading):
                raise InterlockTripped(
                    f"interlock {name} on {lock.channel} reads {reading:g}, which is no beat; "
                    "outputs go to their safe values; correct the cause, then resume"
                )
            level = reading > 0.5
            beat = self._beats.setdefault(name, _Beat(level, now))
            if level != beat.level:
                self._beats[name] = _Beat(level, now, heard=True)
                continue
            beat.readings += 1
            still = now - beat.since
            if still > lock.beats_every_s and beat.readings >= STILL_READINGS:
                raise InterlockTripped(
                    f"interlock {name} on {lock.channel} has not beaten for {still:.3g} s, but "
                    f"must every {lock.beats_every_s:g} s; outputs go to their safe values; "
                    "correct the cause, then resume"
                )
        return all(beat.heard for beat in self._beats.values())
