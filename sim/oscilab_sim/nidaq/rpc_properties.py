"""RPCs that get, set and reset properties of tasks and channels, by the number of the property."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx.constants import OverwriteMode, RegenerationMode, SampleTimingType, TriggerType
from nidaqmx.error_codes import DAQmxErrors
from nidaqmx.utils import flatten_channel_string, unflatten_channel_string

from oscilab_nidaq.boards import Board
from oscilab_sim.nidaq.calls import VOLTAGE, Alive, DaqFault, Reply, raw, unsupported, valued
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.driver import Driver, fastest_hz, new_output_buffer
from oscilab_sim.nidaq.tasks import Kind, Timing, Trigger, VirtualChannel, VirtualTask

GROUPS = ("Task", "Timing", "Trig", "Read", "Write", "Buffer", "Chan")


class AttributeRpcs:
    """Implements every `Get...Attribute...`, `Set...` and `Reset...` RPC of tasks."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._getters = readable(driver.chassis)
        self._setters = writable()
        self._defaults = defaults()

    def handler(self, name: str) -> Callable[[Any, Alive], Reply] | None:
        """Return the function for an RPC such as `GetTimingAttributeDouble`, if there is one."""
        for verb in ("Get", "Set", "Reset"):
            for group in GROUPS:
                # Includes `...AttributeExDouble`, which names devices; a task has one clock.
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


Getter = Callable[[VirtualTask], Any]
Setter = Callable[[VirtualTask, Any], None]


def readable(chassis: Chassis) -> Mapping[int, Getter]:
    """Return the getters by number."""
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
    """Return the setters by number."""
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
    """Return the values after a reset by number."""
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


TYPES = {Kind.AI: 10100, Kind.AO: 10102, Kind.DI: 10151, Kind.DO: 10153}
RIGHT_JUSTIFIED = 10279


def raw_bits(board: Board) -> int:
    """Return the width of a board's unscaled samples in bits."""
    return 16 if board.bits <= 16 else 32


def channels_of(task: VirtualTask, names: str) -> list[VirtualChannel]:
    """Return the channels of a task listed in `names`; all if it is empty.

    Raises:
        DaqFault: a channel that is not in the task.
    """
    if not names:
        return task.channels
    known = {channel.name: channel for channel in task.channels}
    if names in known:
        return [known[names]]
    wanted = unflatten_channel_string(names)
    missing = [name for name in wanted if name not in known]
    if missing:
        raise DaqFault(
            DAQmxErrors.PHYS_CHAN_NOT_IN_TASK,
            f"Specified channel is not in the task.\n\nChannel Name: {missing[0]}\n\nTask Name: "
            f"{task.name}",
        )
    return [known[name] for name in wanted]


def channel_value(chassis: Chassis, task: VirtualTask, names: str, number: int) -> Any:
    """Return the property `number` of the first channel of `names`.

    Raises:
        DaqFault: there is no such property.
    """
    assert task.kind is not None
    channel = channels_of(task, names)[0]
    board = chassis.boards[channel.places[0].device]
    values: dict[int, Any] = {
        pb.CHANNEL_ATTRIBUTE_CHAN_TYPE: TYPES[task.kind],
        pb.CHANNEL_ATTRIBUTE_PHYSICAL_CHAN_NAME: ", ".join(place.name for place in channel.places),
        pb.CHANNEL_ATTRIBUTE_CHAN_DESCR: "",
    }
    if task.kind is Kind.AI:
        values |= {
            pb.CHANNEL_ATTRIBUTE_AI_MEAS_TYPE: VOLTAGE,
            pb.CHANNEL_ATTRIBUTE_AI_MIN: channel.low,
            pb.CHANNEL_ATTRIBUTE_AI_MAX: channel.high,
            pb.CHANNEL_ATTRIBUTE_AI_RNG_LOW: -board.range_V,
            pb.CHANNEL_ATTRIBUTE_AI_RNG_HIGH: board.range_V,
            pb.CHANNEL_ATTRIBUTE_AI_TERM_CFG: channel.terminal,
            pb.CHANNEL_ATTRIBUTE_AI_VOLTAGE_UNITS: 10348,
            pb.CHANNEL_ATTRIBUTE_AI_RESOLUTION: float(board.bits),
            pb.CHANNEL_ATTRIBUTE_AI_RAW_SAMP_SIZE: raw_bits(board),
            pb.CHANNEL_ATTRIBUTE_AI_RAW_SAMP_JUSTIFICATION: RIGHT_JUSTIFIED,
            pb.CHANNEL_ATTRIBUTE_AI_DEV_SCALING_COEFF: [0.0, board.step_V, 0.0, 0.0],
        }
    elif task.kind is Kind.AO:
        values |= {
            pb.CHANNEL_ATTRIBUTE_AO_OUTPUT_TYPE: VOLTAGE,
            pb.CHANNEL_ATTRIBUTE_AO_MIN: channel.low,
            pb.CHANNEL_ATTRIBUTE_AO_MAX: channel.high,
            pb.CHANNEL_ATTRIBUTE_AO_DAC_RNG_LOW: -board.range_V,
            pb.CHANNEL_ATTRIBUTE_AO_DAC_RNG_HIGH: board.range_V,
            pb.CHANNEL_ATTRIBUTE_AO_VOLTAGE_UNITS: 10348,
            pb.CHANNEL_ATTRIBUTE_AO_RESOLUTION: float(board.bits),
        }
    else:
        values |= {
            pb.CHANNEL_ATTRIBUTE_DI_NUM_LINES: len(channel.places),
            pb.CHANNEL_ATTRIBUTE_DO_NUM_LINES: len(channel.places),
        }
    if number not in values:
        raise unsupported("channel", number, task.name)
    return values[number]


def set_channel(channel: VirtualChannel, number: int, value: Any, task: VirtualTask) -> None:
    """Set the property `number` of a channel.

    Raises:
        DaqFault: the property cannot be set, or the task runs.
    """
    task.check_idle()
    if number in (pb.CHANNEL_ATTRIBUTE_AI_MIN, pb.CHANNEL_ATTRIBUTE_AO_MIN):
        channel.low = float(value)
    elif number in (pb.CHANNEL_ATTRIBUTE_AI_MAX, pb.CHANNEL_ATTRIBUTE_AO_MAX):
        channel.high = float(value)
    elif number == pb.CHANNEL_ATTRIBUTE_AI_TERM_CFG:
        channel.terminal = int(value)
    else:
        raise unsupported("settable channel", number, task.name)
