"""NI's task state model: transitions, reserved resources, and checks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from nidaqmx.constants import AcquisitionType, OverwriteMode
from nidaqmx.error_codes import DAQmxErrors

from oscilab_nidaq.boards import line_names, output_names
from oscilab_sim.nidaq.buffers import InputBuffer, LogFile, OutputBuffer
from oscilab_sim.nidaq.calls import DaqFault
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.engine import Clock, Engine, Plant, Triggers
from oscilab_sim.nidaq.tasks import TIMEBASE_HZ, Kind, State, VirtualTask, Watchdog


class Driver:
    """All tasks of a server; call every method with the engine's `turn` held.

    `pulses` maps terminals to the delay in seconds of a pulse after a task starts to wait for it,
    `clocks` maps terminals to the rate of an external clock.
    """

    def __init__(
        self,
        chassis: Chassis,
        plant: Plant,
        clock: Clock,
        pulses: Mapping[str, float] | None = None,
        clocks: Mapping[str, float] | None = None,
    ) -> None:
        self.chassis = chassis
        self.engine = Engine(plant, clock)
        self.tasks: dict[str, VirtualTask] = {}
        self.watchdogs: dict[str, Watchdog] = {}
        self.triggers = Triggers(chassis, self.engine, pulses or {}, clocks or {})
        self._numbers = itertools.count()

    def create(self, name: str) -> VirtualTask:
        """Create and return a task; without a name it gets one.

        Raises:
            DaqFault: the name is taken.
        """
        name = name or f"_unnamedTask<{next(self._numbers)}>"
        if name in self.tasks or name in self.watchdogs:
            raise DaqFault(
                DAQmxErrors.DUPLICATE_TASK,
                f"Task name conflicts with an existing task name.\n\nTask Name: {name}",
            )
        self.tasks[name] = VirtualTask(name)
        return self.tasks[name]

    def task(self, name: str) -> VirtualTask:
        """Return the task `name`.

        Raises:
            DaqFault: there is no such task.
        """
        if name not in self.tasks:
            raise DaqFault(
                DAQmxErrors.INVALID_TASK,
                f"Task specified is invalid or does not exist.\n\nTask Name: {name}",
            )
        return self.tasks[name]

    def clear_all(self) -> None:
        """Clear every task and watchdog; outputs hold."""
        for name in [*self.watchdogs, *self.tasks]:
            self.clear(name)

    def clear(self, name: str) -> None:
        """Stop and remove a task or a watchdog."""
        if self.watchdogs.pop(name, None) is None:
            task = self.task(name)
            self.stop(task)
            self.unreserve(task)
            del self.tasks[name]

    def pull(self, device: str) -> None:
        """Remove a device from the chassis while it runs; its running tasks fail.

        Its outputs go to zero volts, as those of a board without power.

        Raises:
            DaqFault: there is no such device.
        """
        device, board = self.chassis.device(device)
        self.engine.sync()
        self.chassis.pulled.add(device)
        for task in self.tasks.values():
            if device in task.devices and task.is_running:
                task.fault = gone(device, task)
        names = [*output_names(device, board), *line_names(device, board)]
        self.engine.plant.set_levels(dict.fromkeys(names, 0.0))
        self.engine.turn.notify_all()

    def plug_in(self, device: str) -> None:
        """Put a removed device back; its tasks have to be started again."""
        self.chassis.pulled.discard(device)

    def verify(self, task: VirtualTask) -> None:
        """Check the configuration of a task.

        Raises:
            DaqFault: the configuration is invalid.
        """
        if not task.channels or task.kind is None:
            raise DaqFault(
                DAQmxErrors.CAN_NOT_PERFORM_OP_WHEN_NO_CHANS_IN_TASK,
                "Specified operation cannot be performed when there are no channels in the task."
                f"\n\nTask Name: {task.name}",
            )
        if task.timing.clocked:
            check_clock(task, self.chassis)
        check_present(task, self.chassis)
        check_retriggering(task)
        check_logging(task)
        task.state = max(task.state, State.VERIFIED)

    def reserve(self, task: VirtualTask) -> None:
        """Reserve the task's converters and lines.

        Raises:
            DaqFault: another task has them.
        """
        self.verify(task)
        if task.state < State.RESERVED:
            check_resources(task, self.tasks.values())
        task.state = max(task.state, State.RESERVED)

    def commit(self, task: VirtualTask) -> None:
        """Commit the task's settings to the hardware."""
        self.reserve(task)
        task.state = max(task.state, State.COMMITTED)

    def unreserve(self, task: VirtualTask) -> None:
        """Release what the task reserved, and empty its output buffer."""
        self.stop(task)
        task.state = min(task.state, State.VERIFIED)
        task.outgoing = new_output_buffer(task, task.output_size) if task.output_size else None

    def start(self, task: VirtualTask, by_call: bool = False) -> None:
        """Run a task, or arm it where it waits for a trigger or another task's clock.

        Raises:
            DaqFault: the task cannot run.
        """
        if task.is_running:
            raise DaqFault(
                DAQmxErrors.CAN_NOT_PERFORM_OP_WHILE_TASK_RUNNING,
                "Specified operation cannot be performed while the task is running.\n\nTask Name: "
                f"{task.name}",
            )
        self.engine.sync()
        task.before = held = task.state
        self.commit(task)
        task.started_by_call = by_call
        task.position, task.fault, task.begin, task.skip = 0, None, None, 0
        task.clock_owner, task.is_triggered = None, False
        if task.timing.clocked:
            try:
                self._prepare(task)
            except DaqFault:
                task.state = held
                raise
        task.state = State.RUNNING
        if task.timing.clocked:
            self.engine.running.append(task)
            self.triggers.arm(task, self.engine.clock.now)

    def stop(self, task: VirtualTask) -> None:
        """Stop a task; its outputs hold, and unread samples are discarded."""
        if not task.is_running:
            return
        self.engine.sync()
        if task in self.engine.running:
            self.engine.settle(task)
            self.engine.running.remove(task)
        for other in self.engine.running:
            if other.clock_owner is task:
                other.begin = None
        task.state = max(task.before, State.VERIFIED)
        task.begin = None
        task.incoming = None
        if task.log is not None:
            task.log.close()
            task.log = None
        if task.outgoing is not None:
            # The written samples are played again; positions count from the next start.
            task.outgoing.written = min(task.outgoing.written, task.outgoing.size)
        self.engine.turn.notify_all()

    def _prepare(self, task: VirtualTask) -> None:
        self.triggers.set_external_rate(task)
        if task.kind_is_output():
            check_output_buffer(task)
        else:
            overwrites = task.overwrite == OverwriteMode.OVERWRITE_UNREAD_SAMPLES.value
            task.incoming = InputBuffer(
                len(task.names), task.buffer_size(), overwrites, task.timing.period
            )
        if task.logging.is_on:
            task.log = LogFile(task.logging, task.name, task.names, 1 / task.timing.true_rate_hz)


def new_output_buffer(task: VirtualTask, samples: int) -> OutputBuffer:
    """Return an output buffer of the configured size, or of `samples`, those of the first write."""
    return OutputBuffer(len(task.names), task.output_size or samples)


def fastest_hz(task: VirtualTask, chassis: Chassis) -> float:
    """Return the rate of the fastest sample clock for the task's channels."""
    rates: list[float] = []
    for device in task.devices:
        board = chassis.boards[device]
        count = sum(place.device == device for place in task.lines)
        if task.kind is Kind.AI:
            rates.append(board.line_rate_hz(count))
        elif task.kind is Kind.AO:
            rates.append(board.output_rate_hz)
        else:
            rates.append(board.digital_rate_hz)
    return min(rates)


def check_clock(task: VirtualTask, chassis: Chassis) -> None:
    """Refuse a rate beyond the boards' limits, or lines that cannot be clocked.

    Raises:
        DaqFault: the message names both rates, or the line.
    """
    fastest = fastest_hz(task, chassis)
    if task.timing.rate_hz > fastest * (1 + 1e-9) or task.timing.rate_hz > TIMEBASE_HZ:
        raise DaqFault(
            DAQmxErrors.INVALID_ATTRIBUTE_VALUE,
            "Requested value is not a supported value for this property. The property value may "
            "be invalid because it conflicts with another property.\n\n"
            "Property: DAQmx_SampClk_Rate\n"
            f"Requested Value: {task.timing.rate_hz:g}\nMaximum Value: {fastest:g}\n\n"
            f"Task Name: {task.name}",
        )
    if task.kind is not None and task.kind.is_digital:
        for place in task.lines:
            if "/port0/" not in place.name.lower():
                raise DaqFault(
                    DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
                    "Specified property is not supported by the device or is not applicable to "
                    "the task: only port 0 of a board can be clocked.\n\nProperty: "
                    f"DAQmx_SampClk_Rate\nPhysical Channel: {place.name}\n\n"
                    f"Task Name: {task.name}",
                )


def check_resources(task: VirtualTask, others: Iterable[VirtualTask]) -> None:
    """Refuse lines, or the timing engine of a board's subsystem, that another task reserved.

    Raises:
        DaqFault: a resource is reserved.
    """
    names = set(task.names)
    for other in others:
        if other is task or other.state < State.RESERVED or other.kind is None:
            continue
        engines = (
            task.timing.clocked
            and other.timing.clocked
            and task.kind is other.kind
            and set(task.devices) & set(other.devices)
        )
        driven = other.kind_is_output() and task.kind_is_output() and names & set(other.names)
        if engines or driven:
            raise DaqFault(
                DAQmxErrors.PAL_RESOURCE_RESERVED,
                "The specified resource is reserved. The operation could not be completed as "
                f"specified.\n\nTask Name: {task.name}\n\nReserved by Task: {other.name}",
            )


def check_output_buffer(task: VirtualTask) -> None:
    """Refuse to start a generation without enough samples.

    Raises:
        DaqFault: no samples were written, or too few.
    """
    if task.outgoing is None or not task.outgoing.written:
        raise DaqFault(
            DAQmxErrors.OUTPUT_BUFFER_EMPTY,
            "Generation cannot be started, because the output buffer is empty.\n\nWrite data "
            "before starting a buffered generation. The following actions can empty the buffer: "
            "changing the size of the buffer, unreserving a task, setting the Regeneration Mode "
            f"property, changing the Sample Mode.\n\nTask Name: {task.name}",
        )
    if task.outgoing.size < 2:
        raise DaqFault(
            DAQmxErrors.OUTPUT_BUF_SIZE_TOO_SMALL_TO_START_GEN,
            "Generation cannot be started because the selected buffer size is too small.\n\n"
            "Increase the buffer size.\n\nRequired Buffer Size: 2\nSelected Buffer Size: "
            f"{task.outgoing.size}\n\nTask Name: {task.name}",
        )
    samples = task.timing.samples
    short = task.timing.is_finite and task.outgoing.written < min(samples, task.outgoing.size)
    if short and not task.regenerates and task.timing.mode == AcquisitionType.FINITE.value:
        raise DaqFault(
            DAQmxErrors.OUTPUT_BUF_SIZE_TOO_SMALL_TO_START_GEN,
            "Generation cannot be started because not enough samples were written.\n\nSamples "
            f"Written: {task.outgoing.written}\nSamples Needed: "
            f"{min(samples, task.outgoing.size)}\n\nTask Name: {task.name}",
        )


def check_present(task: VirtualTask, chassis: Chassis) -> None:
    """Refuse a task on a removed device.

    Raises:
        DaqFault: the message names the device.
    """
    for device in task.devices:
        if device in chassis.pulled:
            raise gone(device, task)


def gone(device: str, task: VirtualTask) -> DaqFault:
    """Return the error of a call on a task whose device was removed."""
    return DaqFault(
        DAQmxErrors.DEV_CANNOT_BE_ACCESSED,
        "Device cannot be accessed. Possible causes: Device is no longer present in the system. "
        f"Device is not powered.\n\nDevice: {device}\n\nTask Name: {task.name}",
    )


def check_retriggering(task: VirtualTask) -> None:
    """Refuse to retrigger a task that is continuous or has no start trigger.

    Raises:
        DaqFault: the settings do not fit.
    """
    fits = (
        task.timing.clocked
        and task.timing.is_finite
        and task.start_trigger.source is not None
        and task.reference_trigger.source is None
    )
    if task.retriggers and not fits:
        raise DaqFault(
            DAQmxErrors.RETRIGGERING_INVALID_FOR_GIVEN_SETTINGS,
            "Retriggering is not valid for the given settings: it needs a finite number of "
            "samples, a start trigger, and no reference trigger.\n\nProperty: "
            f"DAQmx_StartTrig_Retriggerable\n\nTask Name: {task.name}",
        )


def check_logging(task: VirtualTask) -> None:
    """Refuse to log a task that does not acquire by a clock.

    Raises:
        DaqFault: the settings do not fit.
    """
    if not task.logging.is_on:
        return
    if task.kind_is_output():
        raise DaqFault(
            DAQmxErrors.LOGGING_NOT_SUPPORT_ON_OUTPUT_TASKS,
            f"Logging is not supported on output tasks.\n\nTask Name: {task.name}",
        )
    if not task.timing.clocked:
        raise DaqFault(
            DAQmxErrors.LOGGING_MODE_NOT_SUPPORTED_NON_BUFFERED,
            "Logging is not supported without a buffer: configure a sample clock.\n\nTask Name: "
            f"{task.name}",
        )
