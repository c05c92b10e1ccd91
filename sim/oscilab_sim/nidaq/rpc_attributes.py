"""RPCs that get, set and reset properties of tasks and channels, by the number of the property."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb

from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.channel_properties import channel_value, channels_of, set_channel
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.properties import unsupported, valued
from oscilab_sim.nidaq.task_properties import defaults, readable, writable

GROUPS = ("Task", "Timing", "Trig", "Read", "Write", "Buffer", "Chan")


class AttributeRpcs:
    """Every `Get...Attribute...`, `Set...` and `Reset...` of tasks."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._getters = readable(driver.chassis)
        self._setters = writable()
        self._defaults = defaults()

    def handler(self, name: str) -> Callable[[Any, Alive], Reply] | None:
        """The function for an RPC such as `GetTimingAttributeDouble`."""
        for verb in ("Get", "Set", "Reset"):
            for group in GROUPS:
                # Also `...AttributeExDouble`, which names devices; all of a task share one clock.
                if name.startswith(f"{verb}{group}Attribute"):
                    return {"Get": self._get, "Set": self._set, "Reset": self._reset}[verb]
        return None

    def _get(self, request: Any, alive: Alive) -> Reply:
        watched = request.task.name in self._driver.watchdogs
        if watched and raw(request, "attribute") == pb.TASK_ATTRIBUTE_NAME:
            return {"value": request.task.name}
        task = self._driver.task(request.task.name)
        number = raw(request, "attribute")
        self._driver.engine.sync()
        if hasattr(request, "channel"):
            value = channel_value(self._driver.chassis, task, request.channel, number)
            return valued(request, value)
        getter = self._getters.get(number)
        if getter is not None:
            return valued(request, getter(task))
        if number in task.attributes:
            return valued(request, task.attributes[number])
        raise unsupported("task", number, task.name)

    def _set(self, request: Any, alive: Alive) -> Reply:
        task = self._driver.task(request.task.name)
        number = raw(request, "attribute")
        value = request.value_raw if hasattr(request, "value_raw") else request.value
        if hasattr(request, "channel"):
            for channel in channels_of(task, request.channel):
                set_channel(channel, number, value, task)
            return {}
        if number not in self._setters:
            raise unsupported("settable task", number, task.name)
        self._setters[number](task, value)
        return {}

    def _reset(self, request: Any, alive: Alive) -> Reply:
        task = self._driver.task(request.task.name)
        number = raw(request, "attribute")
        if number not in self._defaults:
            raise unsupported("resettable task", number, task.name)
        self._setters[number](task, self._defaults[number])
        return {}
