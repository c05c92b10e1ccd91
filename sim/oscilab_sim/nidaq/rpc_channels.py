"""RPCs that add channels to tasks."""

from __future__ import annotations

from typing import Any

from nidaqmx.error_codes import DAQmxErrors
from nidaqmx.utils import unflatten_channel_string

from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.chassis import Place
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.tasks import Kind, State, VirtualChannel, VirtualTask

VOLTS = 10348
DIFFERENTIAL = 10106


class ChannelRpcs:
    """Voltage channels and digital lines."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def CreateAIVoltageChan(self, request: Any, alive: Alive) -> Reply:
        """Analog inputs, in volts."""
        terminal = raw(request, "terminal_config")
        return self._voltage(request, Kind.AI, DIFFERENTIAL if terminal == -1 else terminal)

    def CreateAOVoltageChan(self, request: Any, alive: Alive) -> Reply:
        """Analog outputs, in volts."""
        return self._voltage(request, Kind.AO, DIFFERENTIAL)

    def CreateDIChan(self, request: Any, alive: Alive) -> Reply:
        """Digital inputs."""
        return self._digital(request, Kind.DI)

    def CreateDOChan(self, request: Any, alive: Alive) -> Reply:
        """Digital outputs."""
        return self._digital(request, Kind.DO)

    def _voltage(self, request: Any, kind: Kind, terminal: int) -> Reply:
        task = self._task(request, kind)
        if raw(request, "units") != VOLTS or request.custom_scale_name:
            raise DaqFault(
                DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
                "The virtual NI-DAQmx knows volts and no custom scales.\n\n"
                f"Physical Channel Name: {request.physical_channel}",
            )
        low, high = request.min_val, request.max_val
        if not low < high:
            raise DaqFault(
                DAQmxErrors.MIN_NOT_LESS_THAN_MAX,
                "Minimum is greater than or equal to the maximum.\n\nEnsure the maximum value is "
                f"greater than the minimum value.\n\nMinimum Value: {low:g}\nMaximum Value: "
                f"{high:g}",
            )
        places = self._driver.chassis.places(kind.value, request.physical_channel)
        for place in places:
            reach = self._driver.chassis.boards[place.device].range_V
            if low < -reach or high > reach:
                raise DaqFault(
                    DAQmxErrors.INVALID_ATTRIBUTE_VALUE,
                    "Requested value is not a supported value for this property. The property "
                    "value may be invalid because it conflicts with another property.\n\nProperty: "
                    f"DAQmx_{kind.name}_{'Max' if high > reach else 'Min'}\nRequested Value: "
                    f"{high if high > reach else low:g}\nPossible Values: {-reach:g} to "
                    f"{reach:g}\n\nChannel Name: {place.name}",
                )
        names = self._names(request.name_to_assign_to_channel, places)
        for name, place in zip(names, places, strict=True):
            self._add(task, VirtualChannel(name, [place], low, high, terminal))
        return {}

    def _digital(self, request: Any, kind: Kind) -> Reply:
        task = self._task(request, kind)
        places = self._driver.chassis.lines(request.lines)
        if raw(request, "line_grouping") == 1:
            name = request.name_to_assign_to_lines or _grouped_name(request.lines, places)
            self._add(task, VirtualChannel(name, places))
        else:
            for name, place in zip(
                self._names(request.name_to_assign_to_lines, places), places, strict=True
            ):
                self._add(task, VirtualChannel(name, [place]))
        return {}

    def _task(self, request: Any, kind: Kind) -> VirtualTask:
        task = self._driver.task(request.task.name)
        task.check_idle()
        if task.kind is not None and task.kind is not kind:
            raise DaqFault(
                DAQmxErrors.INVALID_PHYS_CHAN_TYPE,
                "I/O type of the physical channel is not valid for this operation: a task holds "
                f"channels of one kind.\n\nTask Name: {task.name}",
            )
        task.kind = kind
        task.state = min(task.state, State.UNVERIFIED)
        task.outgoing = None
        return task

    @staticmethod
    def _names(given: str, places: list[Place]) -> list[str]:
        if not given:
            return [place.name for place in places]
        names = unflatten_channel_string(given)
        if len(names) == len(places):
            return names
        return [f"{given}{number}" for number in range(len(places))]

    @staticmethod
    def _add(task: VirtualTask, channel: VirtualChannel) -> None:
        taken = {other.name for other in task.channels}
        if channel.name in taken or set(channel.places) & set(task.lines):
            raise DaqFault(
                DAQmxErrors.CHAN_ALREADY_IN_TASK,
                "Specified channel cannot be added to the task, because a channel with the same "
                f"name is already in the task.\n\nChannel Name: {channel.name}\n\nTask Name: "
                f"{task.name}",
            )
        task.channels.append(channel)


def _grouped_name(lines: str, places: list[Place]) -> str:
    """A port is called as it is; several lines are called after the first."""
    if len(places) == 1:
        return places[0].name
    first, _, _ = places[0].name.rpartition("/")
    return first if lines.strip("/ ").lower() == first.lower() else places[0].name + "..."
