"""Interlocks: levels that must hold before and while outputs are driven.

    [devices.daq0.interlocks]
    door = { channel = "di0", level = 1 }
    cooling = { channel = "ai12", below = 4.5 }

They are levels, not edges: an interlock that stands at the wrong level refuses every start, and a
run that it stopped begins again only when somebody resumes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from oscilab.bench.tables import Table, validated
from oscilab.errors import InterlockTripped
from oscilab.wired.channels import ChannelTable

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Interlock(Table):
    """A digital input that must be at `level`, or an analog one `above` and `below` bounds."""

    channel: str
    level: Annotated[int, Field(ge=0, le=1)] | None = None
    above: Finite | None = None
    below: Finite | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Interlock:
        bounds = self.above is not None or self.below is not None
        if (self.level is not None) == bounds:
            raise ValueError("give either level, or above and below, or one of these")
        return self

    def holds(self, volts: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each of `volts` allows driving; what is not a number does not."""
        if self.level is not None:
            return (volts > 0.5) == bool(self.level)
        above = -np.inf if self.above is None else self.above
        below = np.inf if self.below is None else self.below
        return (volts > above) & (volts < below)

    def demand(self) -> str:
        """What it asks for, in words."""
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

    Raises:
        InvalidInput: an unknown key or channel.
    """

    def __init__(self, table: Mapping[str, Any], channels: ChannelTable, where: str) -> None:
        self._locks: dict[str, Interlock] = {}
        for name, value in table.items():
            lock = validated(Interlock, value, where, [name])
            channels.input(lock.channel)
            self._locks[name] = lock

    @property
    def channels(self) -> list[str]:
        """The inputs to read, one an interlock."""
        return [lock.channel for lock in self._locks.values()]

    def check(self, volts: Iterable[NDArray[np.floating]]) -> None:
        """Refuse readings that forbid driving; one array of them an interlock.

        Raises:
            InterlockTripped: naming the interlock, its channel and its value.
        """
        for (name, lock), readings in zip(self._locks.items(), volts, strict=True):
            held = lock.holds(readings)
            if not held.all():
                found = readings[np.flatnonzero(~held)[0]]
                raise InterlockTripped(
                    f"interlock {name} on {lock.channel} reads {found:g}, but must be "
                    f"{lock.demand()}; outputs go to their safe values; mend the cause, then resume"
                )
