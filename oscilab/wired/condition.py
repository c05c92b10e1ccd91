"""Outputs and interlocks of a drive as they were last known, for an operator's eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oscilab.arrays.seam import Condition, InterlockState

if TYPE_CHECKING:
    from oscilab.wired.drive import Drive


def condition_of(drive: Drive) -> Condition:
    """From any thread: nothing is read or driven, and nobody waits."""
    limits, levels = drive.limits, drive.outputs.known
    wired = limits.wired
    watching = drive.watching if drive.interlocks.channels else "there are none"
    interlocks = tuple(
        InterlockState(
            name, lock.channel, lock.demand(), *drive.interlocks.seen.get(name, (None, None))
        )
        for name, lock in drive.interlocks.locks.items()
    )
    if levels is None or not wired.any():
        return Condition(int(wired.sum()), False, "", None, None, None, watching, interlocks)
    analog = np.flatnonzero(wired & np.isfinite(limits.slew))
    span = limits.upper[analog] - limits.lower[analog]
    room = np.minimum(limits.upper[analog] - levels[analog], levels[analog] - limits.lower[analog])
    nearest = int(analog[np.argmin(room / span)])
    return Condition(
        outputs=int(wired.sum()),
        is_safe=bool(np.array_equal(levels[wired], limits.safe[wired])),
        nearest=drive.front_end.channels.outputs[nearest].name,
        volts=float(levels[nearest]),
        lower=float(limits.lower[nearest]),
        upper=float(limits.upper[nearest]),
        watching=watching,
        interlocks=interlocks,
    )
