"""The rows of readings of one exchange: put together, acknowledged, and asked for where lost."""

from __future__ import annotations

import time

import numpy as np

from oscilab_firmware.payloads import CODE, Readings
from oscilab_firmware.session import Session

QUIET_S = 0.05
"""Without any readings for so long, those that are due may have been lost."""
LONGEST_S = 2.0


class Rows:
    """`rows` rows of codes of so many `inputs`, as they come in."""

    def __init__(self, session: Session, exchange: int, rows: int, inputs: int) -> None:
        self._session, self._exchange = session, exchange
        self.codes = np.empty((rows, inputs), np.uint16)
        self.taken = 0
        self._acknowledged = 0
        # An eighth of what the device keeps for us: it never has to wait for us.
        row_bytes = max(inputs, 1) * CODE.itemsize
        self._ack_every = max(1, session.capabilities.readings_bytes // 8 // row_bytes)
        self._heard = time.monotonic()
        self._asked_at = -1
        self._patience = QUIET_S

    @property
    def are_complete(self) -> bool:
        """Whether all came."""
        return self.taken >= len(self.codes)

    def take(self, readings: Readings) -> None:
        """Put readings where they belong; those behind a gap come again with what is missing."""
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
        """Ask for what is missing, if nothing has come for a while; less and less often."""
        if not self.are_complete and self._quiet_for(self._patience):
            self._ask()

    def acknowledge(self) -> None:
        """Say what has come, so that the device may forget it."""
        self._acknowledged = self.taken
        self._session.acknowledge(self._exchange, self.taken, again=False)

    def _quiet_for(self, seconds: float) -> bool:
        return time.monotonic() - self._heard > seconds

    def _ask(self) -> None:
        # What was sent before the device hears of it comes first: asking on and on would keep it
        # from ever getting further.
        self._heard = time.monotonic()
        self._asked_at = self.taken
        self._patience = min(2 * self._patience, LONGEST_S)
        self._session.acknowledge(self._exchange, self.taken, again=True)
