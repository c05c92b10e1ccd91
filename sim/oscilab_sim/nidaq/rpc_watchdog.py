"""RPCs of watchdog tasks."""

from __future__ import annotations

import itertools
from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx.constants import Level
from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.properties import unsupported
from oscilab_sim.nidaq.watchdogs import Watchdog

RESET_TIMER = 0


class WatchdogRpcs:
    """Making a watchdog, its expiration states, resetting its timer."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._numbers = itertools.count()

    def CreateWatchdogTimerTaskEx(self, request: Any, alive: Alive) -> Reply:
        """A watchdog, on a board that has one."""
        device, board = self._driver.chassis.device(request.device_name)
        if not board.watchdog:
            raise DaqFault(
                DAQmxErrors.WATCHDOG_TIMER_NOT_SUPPORTED,
                "Watchdog Timer is not supported on this device.\n\nDevice Specified: "
                f"{device}, {board.product}",
            )
        # A watchdog that has expired has lost its client; the board's timer is free again.
        for other in [w for w in self._driver.watchdogs.values() if w.device == device]:
            if other.expired:
                del self._driver.watchdogs[other.name]
        name = request.session_name or f"_watchdog<{next(self._numbers)}>"
        if name in self._driver.watchdogs:
            raise DaqFault(
                DAQmxErrors.DUPLICATE_TASK,
                f"Task name conflicts with an existing task name.\n\nTask Name: {name}",
            )
        self._driver.watchdogs[name] = Watchdog(name, device, request.timeout)
        return {"task": {"name": name}, "new_session_initialized": True}

    def CfgWatchdogAOExpirStates(self, request: Any, alive: Alive) -> Reply:
        """The volts that analog outputs expire to."""
        watchdog = self._watchdog(request)
        places = self._driver.chassis.places("ao", request.channel_names)
        for place, volts in zip(places, request.expir_state_array, strict=True):
            watchdog.states[place.name] = volts
        return {}

    def CfgWatchdogDOExpirStates(self, request: Any, alive: Alive) -> Reply:
        """The levels that lines expire to."""
        watchdog = self._watchdog(request)
        places = self._driver.chassis.lines(request.channel_names)
        for place, level in zip(places, request.expir_state_array, strict=True):
            if level in (Level.HIGH.value, Level.LOW.value):
                watchdog.states[place.name] = float(level == Level.HIGH.value)
        return {}

    def ControlWatchdogTask(self, request: Any, alive: Alive) -> Reply:
        """Reset the timer, or clear an expiration."""
        watchdog = self._watchdog(request)
        if raw(request, "action") == RESET_TIMER:
            watchdog.reset()
        else:
            watchdog.clear_expiration()
        return {}

    def GetWatchdogAttributeBool(self, request: Any, alive: Alive) -> Reply:
        """Whether it expired."""
        return {"value": self._value(request, pb.WATCHDOG_ATTRIBUTE_HAS_EXPIRED)}

    def GetWatchdogAttributeDouble(self, request: Any, alive: Alive) -> Reply:
        """Its timeout."""
        return {"value": self._value(request, pb.WATCHDOG_ATTRIBUTE_TIMEOUT)}

    def SetWatchdogAttributeDouble(self, request: Any, alive: Alive) -> Reply:
        """Change its timeout."""
        self._value(request, pb.WATCHDOG_ATTRIBUTE_TIMEOUT)
        self._watchdog(request).timeout = request.value
        return {}

    def _value(self, request: Any, known: int) -> float | bool:
        watchdog = self._watchdog(request)
        if raw(request, "attribute") != known:
            raise unsupported("watchdog", raw(request, "attribute"), watchdog.name)
        expired = known == pb.WATCHDOG_ATTRIBUTE_HAS_EXPIRED
        return watchdog.expired if expired else watchdog.timeout

    def _watchdog(self, request: Any) -> Watchdog:
        found = self._driver.watchdogs.get(request.task.name)
        if found is None:
            raise DaqFault(
                DAQmxErrors.ACTION_NOT_SUPPORTED_TASK_NOT_WATCHDOG,
                "Requested action is not supported, because the task is not a watchdog task."
                f"\n\nTask Name: {request.task.name}",
            )
        return found
