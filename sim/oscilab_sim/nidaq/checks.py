"""What NI-DAQmx refuses when a task is verified, reserved or started."""

from __future__ import annotations

from collections.abc import Iterable

from nidaqmx.constants import AcquisitionType
from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.clock import TIMEBASE_HZ
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.tasks import Kind, State, VirtualTask


def fastest_hz(task: VirtualTask, chassis: Chassis) -> float:
    """The fastest sample clock for the task's channels."""
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
    """Refuse a rate beyond the boards, or lines that no clock reaches.

    Raises:
        DaqFault: naming both rates, or the line.
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
    """Refuse what another task holds: lines, or the timing engine of a board's subsystem.

    Raises:
        DaqFault: the resource is reserved.
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
    """Refuse to start a generation that has nothing to play.

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
    """Refuse a task on a device that was pulled out.

    Raises:
        DaqFault: naming the device.
    """
    for device in task.devices:
        if device in chassis.pulled:
            raise gone(device, task)


def gone(device: str, task: VirtualTask) -> DaqFault:
    """What every call of a task on a device that is no longer there gets."""
    return DaqFault(
        DAQmxErrors.DEV_CANNOT_BE_ACCESSED,
        "Device cannot be accessed. Possible causes: Device is no longer present in the system. "
        f"Device is not powered.\n\nDevice: {device}\n\nTask Name: {task.name}",
    )


def check_retriggering(task: VirtualTask) -> None:
    """Refuse to retrigger what does not end, or what no start trigger starts.

    Raises:
        DaqFault: saying so.
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
    """Refuse to log what is not acquired by a clock.

    Raises:
        DaqFault: saying so.
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
