"""RPCs on tasks: states, channels, timing, triggers, watchdogs and events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx.constants import Level, Signal, TaskMode
from nidaqmx.error_codes import DAQmxErrors
from nidaqmx.utils import unflatten_channel_string

from oscilab_sim.nidaq.buffers import Logging
from oscilab_sim.nidaq.calls import Alive, DaqFault, Reply, raw, unsupported
from oscilab_sim.nidaq.chassis import Place
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.tasks import (
    Kind,
    State,
    Timing,
    Trigger,
    VirtualChannel,
    VirtualTask,
    Watchdog,
)

ATTACH = 2


class TaskRpcs:
    """States, clocks, buffers, triggers and exported signals of tasks."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def CreateTask(self, request: Any, alive: Alive) -> Reply:
        """Create a session, or attach to an existing one."""
        name = request.session_name
        exists = name in self._driver.tasks
        behaviour = request.initialization_behavior
        if exists and behaviour != 1 and name:
            return {"task": {"name": name}, "new_session_initialized": False}
        if behaviour == ATTACH:
            self._driver.task(name)
        task = self._driver.create(name)
        return {"task": {"name": task.name}, "new_session_initialized": True}

    def ClearTask(self, request: Any, alive: Alive) -> Reply:
        """Stop and clear a task."""
        self._driver.clear(request.task.name)
        return {}

    def StartTask(self, request: Any, alive: Alive) -> Reply:
        """Start a task or a watchdog."""
        name = request.task.name
        if name in self._driver.watchdogs:
            self._driver.watchdogs[name].start()
        else:
            self._driver.start(self._driver.task(name))
        return {}

    def StopTask(self, request: Any, alive: Alive) -> Reply:
        """Stop a task or a watchdog; raise the error that ended a generation."""
        name = request.task.name
        if name in self._driver.watchdogs:
            self._driver.watchdogs[name].stop()
            return {}
        task = self._driver.task(name)
        self._driver.engine.sync()
        fault = task.fault
        self._driver.stop(task)
        task.fault = None
        if fault is not None and task.kind_is_output():
            raise fault
        return {}

    def TaskControl(self, request: Any, alive: Alive) -> Reply:
        """Move a task through its states."""
        task = self._driver.task(request.task.name)
        actions = {
            TaskMode.TASK_START: self._driver.start,
            TaskMode.TASK_STOP: self._driver.stop,
            TaskMode.TASK_VERIFY: self._driver.verify,
            TaskMode.TASK_COMMIT: self._driver.commit,
            TaskMode.TASK_RESERVE: self._driver.reserve,
            TaskMode.TASK_UNRESERVE: self._driver.unreserve,
            TaskMode.TASK_ABORT: self._driver.unreserve,
        }
        actions[TaskMode(raw(request, "action"))](task)
        return {}

    def IsTaskDone(self, request: Any, alive: Alive) -> Reply:
        """Return whether the task is done."""
        task = self._driver.task(request.task.name)
        self._driver.engine.sync()
        self._raise_fault(task)
        return {"is_task_done": task.is_done}

    def WaitUntilTaskDone(self, request: Any, alive: Alive) -> Reply:
        """Wait until the task is done."""
        task = self._driver.task(request.task.name)

        def when() -> int | None:
            if not task.is_ticking or task.total is None or task.begin is None:
                return None
            last = task.total if task.kind_is_output() else task.total - 1
            return task.begin + last * task.timing.period

        done = self._driver.engine.wait(lambda: task.is_done, when, request.time_to_wait, alive)
        self._raise_fault(task)
        if not done:
            raise DaqFault(
                DAQmxErrors.WAIT_UNTIL_DONE_DOES_NOT_INDICATE_DONE,
                "Wait Until Done did not indicate that the task was done within the specified "
                "timeout.\n\nIncrease the timeout, check the program, and make sure triggers and "
                f"clocks arrive as expected.\n\nTask Name: {task.name}",
            )
        return {}

    def CfgSampClkTiming(self, request: Any, alive: Alive) -> Reply:
        """Configure a sample clock."""
        task = self._idle(request)
        if request.rate <= 0 or (
            request.samps_per_chan < 1 and raw(request, "sample_mode") == 10178
        ):
            raise DaqFault(
                DAQmxErrors.INVALID_ATTRIBUTE_VALUE,
                "Requested value is not a supported value for this property.\n\nProperty: "
                f"DAQmx_SampClk_Rate\nRequested Value: {request.rate:g}, samples per channel "
                f"{request.samps_per_chan}\n\nTask Name: {task.name}",
            )
        task.timing = Timing(
            clocked=True,
            source=request.source,
            rate_hz=request.rate,
            edge=raw(request, "active_edge"),
            mode=raw(request, "sample_mode"),
            samples=request.samps_per_chan,
        )
        return {}

    def CfgInputBuffer(self, request: Any, alive: Alive) -> Reply:
        """Set the size of the input buffer."""
        self._idle(request).input_size = request.num_samps_per_chan
        return {}

    def CfgOutputBuffer(self, request: Any, alive: Alive) -> Reply:
        """Set the size of the output buffer, and empty it."""
        task = self._idle(request)
        task.output_size, task.outgoing = request.num_samps_per_chan, None
        return {}

    def CfgDigEdgeStartTrig(self, request: Any, alive: Alive) -> Reply:
        """Start at a digital edge."""
        self._idle(request).start_trigger = Trigger(
            request.trigger_source, raw(request, "trigger_edge")
        )
        return {}

    def CfgDigEdgeRefTrig(self, request: Any, alive: Alive) -> Reply:
        """Keep the samples around a digital edge."""
        task = self._idle(request)
        if request.pretrigger_samples >= task.timing.samples:
            raise DaqFault(
                DAQmxErrors.INVALID_ATTRIBUTE_VALUE,
                "Requested value is not a supported value for this property.\n\nProperty: "
                "DAQmx_RefTrig_PretrigSamples\nRequested Value: "
                f"{request.pretrigger_samples}\nMaximum Value: {task.timing.samples - 1}\n\n"
                f"Task Name: {task.name}",
            )
        task.reference_trigger = Trigger(
            request.trigger_source, raw(request, "trigger_edge"), request.pretrigger_samples
        )
        return {}

    def ConfigureLogging(self, request: Any, alive: Alive) -> Reply:
        """Log samples to a TDMS file on this server."""
        self._idle(request).logging = Logging(
            request.file_path,
            raw(request, "logging_mode"),
            request.group_name,
            raw(request, "operation"),
        )
        return {}

    def DisableStartTrig(self, request: Any, alive: Alive) -> Reply:
        """Start at once."""
        self._idle(request).start_trigger = Trigger()
        return {}

    def DisableRefTrig(self, request: Any, alive: Alive) -> Reply:
        """Keep every sample."""
        self._idle(request).reference_trigger = Trigger()
        return {}

    def ExportSignal(self, request: Any, alive: Alive) -> Reply:
        """Route a task's sample clock (12487) or start trigger (12491) to a terminal."""
        task = self._idle(request)
        signals = {12487: "sampleclock", 12491: "starttrigger"}
        number = raw(request, "signal_id")
        if number not in signals or not task.devices:
            raise DaqFault(
                DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
                f"The virtual NI-DAQmx exports sample clocks and start triggers only, not signal "
                f"{number}.\n\nTask Name: {task.name}",
            )
        for terminal in request.output_terminal.split(","):
            place = self._driver.chassis.terminal(terminal.strip(), task.devices[0])
            self._driver.triggers.routes[place] = (task, signals[number])
        return {}

    def _idle(self, request: Any) -> VirtualTask:
        task = self._driver.task(request.task.name)
        task.check_idle()
        return task

    @staticmethod
    def _raise_fault(task: VirtualTask) -> None:
        if task.fault is not None:
            raise task.fault


VOLTS = 10348
DIFFERENTIAL = 10106


class ChannelRpcs:
    """Voltage channels and digital lines."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def CreateAIVoltageChan(self, request: Any, alive: Alive) -> Reply:
        """Add analog inputs, in volts."""
        terminal = raw(request, "terminal_config")
        return self._voltage(request, Kind.AI, DIFFERENTIAL if terminal == -1 else terminal)

    def CreateAOVoltageChan(self, request: Any, alive: Alive) -> Reply:
        """Add analog outputs, in volts."""
        return self._voltage(request, Kind.AO, DIFFERENTIAL)

    def CreateDIChan(self, request: Any, alive: Alive) -> Reply:
        """Add digital inputs."""
        return self._digital(request, Kind.DI)

    def CreateDOChan(self, request: Any, alive: Alive) -> Reply:
        """Add digital outputs."""
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
    """Return the name of a channel of several lines: that of the port, or after the first line."""
    if len(places) == 1:
        return places[0].name
    first, _, _ = places[0].name.rpartition("/")
    return first if lines.strip("/ ").lower() == first.lower() else places[0].name + "..."


RESET_TIMER = 0


class WatchdogRpcs:
    """Watchdogs: creation, expiration states and timers."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._numbers = itertools.count()

    def CreateWatchdogTimerTaskEx(self, request: Any, alive: Alive) -> Reply:
        """Create a watchdog, on a board that has one."""
        device, board = self._driver.chassis.device(request.device_name)
        if not board.watchdog:
            raise DaqFault(
                DAQmxErrors.WATCHDOG_TIMER_NOT_SUPPORTED,
                "Watchdog Timer is not supported on this device.\n\nDevice Specified: "
                f"{device}, {board.product}",
            )
        # An expired watchdog has lost its client; the board's timer is free again.
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
        """Set the volts of analog outputs at expiration."""
        watchdog = self._watchdog(request)
        places = self._driver.chassis.places("ao", request.channel_names)
        for place, volts in zip(places, request.expir_state_array, strict=True):
            watchdog.states[place.name] = volts
        return {}

    def CfgWatchdogDOExpirStates(self, request: Any, alive: Alive) -> Reply:
        """Set the levels of lines at expiration."""
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
        """Return whether the watchdog expired."""
        return {"value": self._value(request, pb.WATCHDOG_ATTRIBUTE_HAS_EXPIRED)}

    def GetWatchdogAttributeDouble(self, request: Any, alive: Alive) -> Reply:
        """Return the timeout of the watchdog."""
        return {"value": self._value(request, pb.WATCHDOG_ATTRIBUTE_TIMEOUT)}

    def SetWatchdogAttributeDouble(self, request: Any, alive: Alive) -> Reply:
        """Set the timeout of the watchdog."""
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


POLL_S = 0.1
SAMPLE_SIGNALS = (Signal.SAMPLE_CLOCK.value, Signal.SAMPLE_COMPLETE.value)


class EventRpcs:
    """Events; `Register...` streams replies while the caller listens and the task exists."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._stopped: set[tuple[str, int]] = set()

    def RegisterEveryNSamplesEvent(self, request: Any, alive: Alive) -> Iterator[Reply]:
        """Stream one reply per N samples acquired or generated."""
        kind, every = raw(request, "every_n_samples_event_type"), request.n_samples
        reply = {"every_n_samples_event_type_raw": kind, "n_samples": every}
        return self._counted(request.task.name, kind, every, reply, alive)

    def RegisterSignalEvent(self, request: Any, alive: Alive) -> Iterator[Reply]:
        """Stream one reply per sample."""
        signal = raw(request, "signal_id")
        if signal not in SAMPLE_SIGNALS:
            raise DaqFault(
                DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
                "The virtual NI-DAQmx tells of the signals sample clock and sample complete only, "
                f"not of {signal}.\n\nTask Name: {request.task.name}",
            )
        return self._counted(request.task.name, signal, 1, {"signal_id": signal}, alive)

    def _counted(
        self, name: str, kind: int, every: int, reply: Reply, alive: Alive
    ) -> Iterator[Reply]:
        with self._driver.engine.turn:
            task = self._driver.task(name)
        self._stopped.discard((name, kind))
        return self._counting(task, kind, every, reply, alive)

    def _counting(
        self, task: VirtualTask, kind: int, every: int, reply: Reply, alive: Alive
    ) -> Iterator[Reply]:
        told = 0
        while self._listens(task, (task.name, kind), alive):
            with self._driver.engine.turn:
                self._driver.engine.turn.wait(POLL_S)
                count = _count(task) // every
                # The count of a restarted task starts from zero.
                told = min(told, count)
                missing, told = count - told, count
            for _ in range(missing):
                yield reply

    def RegisterDoneEvent(self, request: Any, alive: Alive) -> Iterator[Reply]:
        """Stream one reply each time that the task ends by itself."""
        with self._driver.engine.turn:
            task = self._driver.task(request.task.name)
        self._stopped.discard((task.name, 0))
        return self._ending(task, alive)

    def _ending(self, task: VirtualTask, alive: Alive) -> Iterator[Reply]:
        was_running = False
        while self._listens(task, (task.name, 0), alive):
            with self._driver.engine.turn:
                self._driver.engine.turn.wait(POLL_S)
                running = task.is_running and not task.is_done
                ended = was_running and task.is_running and task.is_done
                was_running = running
                status = 0 if task.fault is None else task.fault.code
            if ended:
                yield {"status": status}

    def UnregisterEveryNSamplesEvent(self, request: Any, alive: Alive) -> Reply:
        """End the stream."""
        self._stopped.add((request.task.name, raw(request, "every_n_samples_event_type")))
        return {}

    def UnregisterSignalEvent(self, request: Any, alive: Alive) -> Reply:
        """End the stream."""
        self._stopped.add((request.task.name, raw(request, "signal_id")))
        return {}

    def UnregisterDoneEvent(self, request: Any, alive: Alive) -> Reply:
        """End the stream."""
        self._stopped.add((request.task.name, 0))
        return {}

    def _listens(self, task: VirtualTask, key: tuple[str, int], alive: Alive) -> bool:
        return alive() and self._driver.tasks.get(task.name) is task and key not in self._stopped


def _count(task: VirtualTask) -> int:
    """Return the number of samples acquired or generated since the start."""
    if not task.is_running:
        return 0
    if not task.kind_is_output():
        return task.incoming.taken if task.incoming is not None else 0
    return task.position
