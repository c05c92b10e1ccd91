"""Watchdog timers of the boards, and the beat that keeps them from expiring."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from oscilab.errors import DeviceFailed, InterlockTripped
from oscilab.wired.channels import Channel
from oscilab_nidaq.lines import grouped
from oscilab_nidaq.session import Session

if TYPE_CHECKING:
    from nidaqmx.system.watchdog import WatchdogTask

BEATS = 4
"""Resets of the timers in the time that they take to expire."""


class Heartbeat:
    """One watchdog task a board; outputs go to `safe` (volts by channel) when the host is silent.

    Raises:
        DeviceFailed: a board whose watchdog cannot be used.
    """

    def __init__(self, session: Session, safe: Mapping[Channel, float], timeout: float) -> None:
        self._session = session
        self._tasks = ExitStack()
        self._timers: list[WatchdogTask] = []
        self._failed: DeviceFailed | None = None
        self._every = timeout / BEATS
        try:
            with session.told("while its watchdogs were set up"):
                self._set_up(safe, timeout)
        except BaseException:
            self._tasks.close()
            raise
        self._begin()

    def check(self) -> None:
        """Pass on what went wrong since.

        Raises:
            InterlockTripped: a watchdog expired.
            DeviceFailed: it could not be reset.
        """
        if self._failed is not None:
            raise self._failed

    def arm_again(self) -> None:
        """Begin anew after the boards were reset, which stops their timers.

        Raises:
            DeviceFailed: that failed; `check` passes it on from now on.
        """
        self._end()
        try:
            with self._session.told("while its watchdogs were set up again"):
                for timer in self._timers:
                    timer.stop()
                    timer.clear_expiration()
                    timer.start()
        except DeviceFailed as error:
            self._failed = error
            raise
        self._failed = None
        self._begin()

    @property
    def has_expired(self) -> bool:
        """Whether a watchdog is known to have brought outputs to their safe values."""
        return isinstance(self._failed, InterlockTripped)

    def stop(self) -> None:
        """Stop the timers; outputs stay."""
        self._end()
        self._tasks.close()

    def _begin(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="watchdog", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        self._over.set()
        self._thread.join()

    def _set_up(self, safe: Mapping[Channel, float], timeout: float) -> None:
        from nidaqmx.constants import AOPowerUpOutputBehavior, Level
        from nidaqmx.types import AOExpirationState, DOExpirationState

        channels = list(safe)
        levels = np.array([safe[channel] for channel in channels])
        timers: dict[str, WatchdogTask] = {}
        for group in grouped(channels):
            if group.board not in timers:
                timer = self._session.watchdog(group.board, timeout)
                timers[group.board] = self._tasks.enter_context(timer)
            pairs = zip(group.names, levels[group.rows].tolist(), strict=True)
            if group.digital:
                timers[group.board].cfg_watchdog_do_expir_states(
                    [DOExpirationState(n, Level.HIGH if v else Level.LOW) for n, v in pairs]
                )
            else:
                volts = AOPowerUpOutputBehavior.VOLTAGE
                timers[group.board].cfg_watchdog_ao_expir_states(
                    [AOExpirationState(n, v, volts) for n, v in pairs]
                )
        self._timers = list(timers.values())
        for timer in self._timers:
            timer.clear_expiration()
            timer.start()

    def _beat(self) -> None:
        try:
            while not self._over.wait(self._every):
                for timer in self._timers:
                    with self._session.told("while its watchdog was reset"):
                        timer.reset_timer()
        except DeviceFailed as error:
            self._failed = error
