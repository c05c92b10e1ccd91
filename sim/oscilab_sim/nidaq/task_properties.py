"""Properties of tasks: timing, triggers, reading, writing and buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx.constants import OverwriteMode, RegenerationMode, SampleTimingType, TriggerType
from nidaqmx.utils import flatten_channel_string

from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.checks import fastest_hz
from oscilab_sim.nidaq.driver import new_output_buffer
from oscilab_sim.nidaq.properties import unsupported
from oscilab_sim.nidaq.tasks import Timing, Trigger, VirtualTask

Getter = Callable[[VirtualTask], Any]
Setter = Callable[[VirtualTask, Any], None]


def readable(chassis: Chassis) -> Mapping[int, Getter]:
    """Getters by number."""
    return {
        pb.TASK_ATTRIBUTE_NAME: lambda t: t.name,
        pb.TASK_ATTRIBUTE_CHANNELS: _channel_names,
        pb.TASK_ATTRIBUTE_NUM_CHANS: lambda t: len(t.channels),
        pb.TASK_ATTRIBUTE_DEVICES: lambda t: ", ".join(t.devices),
        pb.TASK_ATTRIBUTE_NUM_DEVICES: lambda t: len(t.devices),
        pb.TASK_ATTRIBUTE_COMPLETE: lambda t: t.is_done,
        pb.TIMING_ATTRIBUTE_SAMP_CLK_RATE: lambda t: t.timing.true_rate_hz,
        pb.TIMING_ATTRIBUTE_SAMP_CLK_MAX_RATE: lambda t: fastest_hz(t, chassis),
        pb.TIMING_ATTRIBUTE_SAMP_CLK_SRC: _clock_source,
        pb.TIMING_ATTRIBUTE_SAMP_CLK_TERM: lambda t: f"/{t.devices[0]}/{t.kind}/SampleClock",
        pb.TIMING_ATTRIBUTE_SAMP_CLK_ACTIVE_EDGE: lambda t: t.timing.edge,
        pb.TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_MODE: lambda t: t.timing.mode,
        pb.TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_PER_CHAN: lambda t: t.timing.samples,
        pb.TIMING_ATTRIBUTE_SAMP_TIMING_TYPE: _timing_type,
        pb.TIMING_ATTRIBUTE_REF_CLK_SRC: lambda t: t.reference_clock.source,
        pb.TIMING_ATTRIBUTE_REF_CLK_RATE: lambda t: t.reference_clock.rate_hz,
        pb.TRIGGER_ATTRIBUTE_START_TRIG_TYPE: lambda t: _trigger_type(t.start_trigger),
        pb.TRIGGER_ATTRIBUTE_REF_TRIG_TYPE: lambda t: _trigger_type(t.reference_trigger),
        pb.TRIGGER_ATTRIBUTE_DIG_EDGE_START_TRIG_SRC: lambda t: t.start_trigger.source or "",
        pb.TRIGGER_ATTRIBUTE_DIG_EDGE_START_TRIG_EDGE: lambda t: t.start_trigger.edge,
        pb.TRIGGER_ATTRIBUTE_START_TRIG_TERM: _start_terminal,
        pb.TRIGGER_ATTRIBUTE_START_TRIG_RETRIGGERABLE: lambda t: t.retriggers,
        pb.TRIGGER_ATTRIBUTE_TRIGGER_SYNC_TYPE: lambda t: t.sync_type,
        pb.READ_ATTRIBUTE_AVAIL_SAMP_PER_CHAN: lambda t: t.incoming.available if t.incoming else 0,
        pb.READ_ATTRIBUTE_CURR_READ_POS: lambda t: t.incoming.read if t.incoming else 0,
        pb.READ_ATTRIBUTE_TOTAL_SAMP_PER_CHAN_ACQUIRED: (
            lambda t: t.incoming.taken if t.incoming else 0
        ),
        pb.READ_ATTRIBUTE_NUM_CHANS: lambda t: len(t.channels),
        pb.READ_ATTRIBUTE_CHANNELS_TO_READ: _channel_names,
        pb.READ_ATTRIBUTE_DIGITAL_LINES_BYTES_PER_CHAN: _booleans,
        pb.READ_ATTRIBUTE_READ_ALL_AVAIL_SAMP: lambda t: False,
        pb.READ_ATTRIBUTE_AUTO_START: lambda t: True,
        pb.READ_ATTRIBUTE_OVERWRITE: lambda t: t.overwrite,
        pb.READ_ATTRIBUTE_LOGGING_FILE_PATH: lambda t: t.logging.path,
        pb.READ_ATTRIBUTE_LOGGING_MODE: lambda t: t.logging.mode,
        pb.READ_ATTRIBUTE_LOGGING_TDMS_GROUP_NAME: lambda t: t.logging.group,
        pb.READ_ATTRIBUTE_LOGGING_TDMS_OPERATION: lambda t: t.logging.operation,
        pb.WRITE_ATTRIBUTE_REGEN_MODE: lambda t: t.regeneration,
        pb.WRITE_ATTRIBUTE_NUM_CHANS: lambda t: len(t.channels),
        pb.WRITE_ATTRIBUTE_DIGITAL_LINES_BYTES_PER_CHAN: _booleans,
        pb.WRITE_ATTRIBUTE_CURR_WRITE_POS: lambda t: t.outgoing.written if t.outgoing else 0,
        pb.WRITE_ATTRIBUTE_TOTAL_SAMP_PER_CHAN_GENERATED: lambda t: t.position,
        pb.WRITE_ATTRIBUTE_SPACE_AVAIL: _space,
        pb.BUFFER_ATTRIBUTE_INPUT_BUF_SIZE: lambda t: t.buffer_size(),
        pb.BUFFER_ATTRIBUTE_OUTPUT_BUF_SIZE: (
            lambda t: t.output_size or (t.outgoing.size if t.outgoing else 0)
        ),
        pb.BUFFER_ATTRIBUTE_INPUT_ONBRD_BUF_SIZE: lambda t: 4095,
        pb.BUFFER_ATTRIBUTE_OUTPUT_ONBRD_BUF_SIZE: lambda t: 8191,
    }


def writable() -> Mapping[int, Setter]:
    """Setters by number."""
    return {
        pb.TIMING_ATTRIBUTE_SAMP_CLK_RATE: _set_rate,
        pb.TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_MODE: lambda t, v: _set_timing(t, "mode", v),
        pb.TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_PER_CHAN: lambda t, v: _set_timing(t, "samples", v),
        pb.TIMING_ATTRIBUTE_SAMP_CLK_SRC: lambda t, v: _set_timing(t, "source", v),
        pb.TIMING_ATTRIBUTE_SAMP_TIMING_TYPE: _set_timing_type,
        pb.TIMING_ATTRIBUTE_REF_CLK_SRC: lambda t, v: _set_reference_clock(t, "source", v),
        pb.TIMING_ATTRIBUTE_REF_CLK_RATE: lambda t, v: _set_reference_clock(t, "rate_hz", v),
        pb.READ_ATTRIBUTE_OVERWRITE: lambda t, v: setattr(t, "overwrite", v),
        pb.READ_ATTRIBUTE_CHANNELS_TO_READ: _set_channels_to_read,
        pb.WRITE_ATTRIBUTE_REGEN_MODE: _set_regeneration,
        pb.BUFFER_ATTRIBUTE_INPUT_BUF_SIZE: _set_input_size,
        pb.BUFFER_ATTRIBUTE_OUTPUT_BUF_SIZE: _set_output_size,
        pb.TRIGGER_ATTRIBUTE_START_TRIG_RETRIGGERABLE: _set_retriggerable,
        pb.TRIGGER_ATTRIBUTE_TRIGGER_SYNC_TYPE: _set_sync_type,
    }


def defaults() -> Mapping[int, Any]:
    """What a reset of a property brings back, by number."""
    return {
        pb.READ_ATTRIBUTE_OVERWRITE: OverwriteMode.DO_NOT_OVERWRITE_UNREAD_SAMPLES.value,
        pb.WRITE_ATTRIBUTE_REGEN_MODE: RegenerationMode.ALLOW_REGENERATION.value,
        pb.BUFFER_ATTRIBUTE_INPUT_BUF_SIZE: 0,
        pb.BUFFER_ATTRIBUTE_OUTPUT_BUF_SIZE: 0,
        pb.READ_ATTRIBUTE_CHANNELS_TO_READ: "",
        pb.TRIGGER_ATTRIBUTE_START_TRIG_RETRIGGERABLE: False,
        pb.TIMING_ATTRIBUTE_REF_CLK_SRC: "",
    }


def _channel_names(task: VirtualTask) -> str:
    return flatten_channel_string([channel.name for channel in task.channels])


def _booleans(task: VirtualTask) -> int:
    return max((len(channel.places) for channel in task.channels), default=0)


def _space(task: VirtualTask) -> int:
    if task.outgoing is None:
        return task.output_size or 0
    return task.outgoing.space(task.position if task.is_running else 0, task.regenerates)


def _start_terminal(task: VirtualTask) -> str:
    return f"/{task.devices[0]}/{task.kind}/StartTrigger"


def _clock_source(task: VirtualTask) -> str:
    return task.timing.source or f"/{task.devices[0]}/{task.kind}/SampleClockTimebase"


def _timing_type(task: VirtualTask) -> int:
    kind = SampleTimingType.SAMPLE_CLOCK if task.timing.clocked else SampleTimingType.ON_DEMAND
    return kind.value


def _trigger_type(trigger: Trigger) -> int:
    kind = TriggerType.NONE if trigger.source is None else TriggerType.DIGITAL_EDGE
    return kind.value


def _set_timing(task: VirtualTask, key: str, value: Any) -> None:
    task.check_idle()
    setattr(task.timing, key, value)
    task.timing.clocked = True


def _set_rate(task: VirtualTask, value: Any) -> None:
    _set_timing(task, "rate_hz", float(value))


def _set_timing_type(task: VirtualTask, value: Any) -> None:
    task.check_idle()
    if value == SampleTimingType.ON_DEMAND.value:
        task.timing = Timing()
    elif value == SampleTimingType.SAMPLE_CLOCK.value:
        task.timing.clocked = True
    else:
        raise unsupported("timing type", int(value), task.name)


def _set_regeneration(task: VirtualTask, value: Any) -> None:
    task.check_idle()
    task.regeneration, task.outgoing = value, None


def _set_input_size(task: VirtualTask, value: Any) -> None:
    task.check_idle()
    task.input_size = int(value) or None


def _set_output_size(task: VirtualTask, value: Any) -> None:
    task.check_idle()
    task.output_size, task.outgoing = int(value) or None, None
    if task.output_size:
        task.outgoing = new_output_buffer(task, task.output_size)


def _set_channels_to_read(task: VirtualTask, value: Any) -> None:
    if value and value != _channel_names(task):
        raise unsupported("channels to read", pb.READ_ATTRIBUTE_CHANNELS_TO_READ, task.name)


def _set_retriggerable(task: VirtualTask, value: Any) -> None:
    task.check_idle()
    task.retriggers = bool(value)


def _set_sync_type(task: VirtualTask, value: Any) -> None:
    task.check_idle()
    task.sync_type = int(value)


def _set_reference_clock(task: VirtualTask, key: str, value: Any) -> None:
    task.check_idle()
    setattr(task.reference_clock, key, value)
