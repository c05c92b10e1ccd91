"""RPCs on whole tasks: their life, timing and triggers. Methods are called as NI's RPCs are."""

from __future__ import annotations

from typing import Any

from nidaqmx.constants import TaskMode
from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.logging_files import Logging
from oscilab_sim.nidaq.tasks import Timing, Trigger, VirtualTask

ATTACH = 2


class TaskRpcs:
    """Creating, starting, stopping, waiting, clocks and triggers."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def CreateTask(self, request: Any, alive: Alive) -> Reply:
        """A new session, or one that is there already."""
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
        """Stop and forget."""
        self._driver.clear(request.task.name)
        return {}

    def StartTask(self, request: Any, alive: Alive) -> Reply:
        """Run a task or a watchdog."""
        name = request.task.name
        if name in self._driver.watchdogs:
            self._driver.watchdogs[name].start()
        else:
            self._driver.start(self._driver.task(name))
        return {}

    def StopTask(self, request: Any, alive: Alive) -> Reply:
        """Stop it; a warning where a finite task had not ended."""
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
        """Whether it ended."""
        task = self._driver.task(request.task.name)
        self._driver.engine.sync()
        self._raise_fault(task)
        return {"is_task_done": task.is_done}

    def WaitUntilTaskDone(self, request: Any, alive: Alive) -> Reply:
        """Until it ended."""
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
        """A sample clock."""
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
        """Size of the input buffer."""
        self._idle(request).input_size = request.num_samps_per_chan
        return {}

    def CfgOutputBuffer(self, request: Any, alive: Alive) -> Reply:
        """Size of the output buffer; empties it."""
        task = self._idle(request)
        task.output_size, task.outgoing = request.num_samps_per_chan, None
        return {}

    def CfgDigEdgeStartTrig(self, request: Any, alive: Alive) -> Reply:
        """Wait for an edge."""
        self._idle(request).start_trigger = Trigger(
            request.trigger_source, raw(request, "trigger_edge")
        )
        return {}

    def CfgDigEdgeRefTrig(self, request: Any, alive: Alive) -> Reply:
        """Keep samples around an edge."""
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
        """Samples into a TDMS file on this server."""
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
        """Put a task's sample clock (12487) or start trigger (12491) on a terminal."""
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
