"""The boards' watchdog timers, and the thread that resets them."""

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
"""Resets of the timers per timeout."""


class Heartbeat:
    """One watchdog task per board; at expiration outputs go to `safe` (volts by channel).

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
        """Raise an error of the resetting thread.

        Raises:
            InterlockTripped: a watchdog expired.
            DeviceFailed: a watchdog could not be reset.
        """
        if self._failed is not None:
            raise self._failed

    def arm_again(self) -> None:
        """Arm the timers again after a reset of the boards, which stops them.

        Raises:
            DeviceFailed: a timer cannot be armed; `check` raises the same error from now on.
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
        """Whether a watchdog is known to have expired."""
        return isinstance(self._failed, InterlockTripped)

    def stop(self) -> None:
        """Stop the timers; outputs hold."""
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
