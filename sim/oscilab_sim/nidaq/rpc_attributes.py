"""RPCs that get, set and reset properties of tasks and channels, by the number of the property."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx.constants import OverwriteMode, RegenerationMode, SampleTimingType, TriggerType
from nidaqmx.error_codes import DAQmxErrors
from nidaqmx.utils import flatten_channel_string, unflatten_channel_string

from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.checks import fastest_hz
from oscilab_sim.nidaq.driver import Driver, new_output_buffer
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.tasks import Kind, Timing, Trigger, VirtualChannel, VirtualTask

Getter = Callable[[VirtualTask], Any]
Setter = Callable[[VirtualTask, Any], None]
TYPES = {Kind.AI: 10100, Kind.AO: 10102, Kind.DI: 10151, Kind.DO: 10153}
VOLTAGE = 10322
GROUPS = ("Task", "Timing", "Trig", "Read", "Write", "Buffer", "Chan")


def unsupported(what: str, number: int, name: str) -> DaqFault:
    """The error for a property that the virtual NI-DAQmx does not have."""
    return DaqFault(
        DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
        f"The virtual NI-DAQmx does not implement the {what} property {number:#06x}; sim/README.md "
        f"lists what it does.\n\nTask Name: {name}",
    )


class AttributeRpcs:
    """Every `Get...Attribute...`, `Set...` and `Reset...` of tasks."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._getters = self._readable()
        self._setters = _writable()

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
            return valued(request, _channel_value(self._driver, task, request.channel, number))
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
            for channel in _channels(task, request.channel):
                _set_channel(channel, number, value, task)
            return {}
        if number not in self._setters:
            raise unsupported("settable task", number, task.name)
        self._setters[number](task, value)
        return {}

    def _reset(self, request: Any, alive: Alive) -> Reply:
        task = self._driver.task(request.task.name)
        number = raw(request, "attribute")
        defaults: dict[int, Any] = {
            pb.READ_ATTRIBUTE_OVERWRITE: OverwriteMode.DO_NOT_OVERWRITE_UNREAD_SAMPLES.value,
            pb.WRITE_ATTRIBUTE_REGEN_MODE: RegenerationMode.ALLOW_REGENERATION.value,
            pb.BUFFER_ATTRIBUTE_INPUT_BUF_SIZE: 0,
            pb.BUFFER_ATTRIBUTE_OUTPUT_BUF_SIZE: 0,
            pb.READ_ATTRIBUTE_CHANNELS_TO_READ: "",
        }
        if number not in defaults:
            raise unsupported("resettable task", number, task.name)
        self._setters[number](task, defaults[number])
        return {}

    def _readable(self) -> Mapping[int, Getter]:
        return {
            pb.TASK_ATTRIBUTE_NAME: lambda t: t.name,
            pb.TASK_ATTRIBUTE_CHANNELS: _channel_names,
            pb.TASK_ATTRIBUTE_NUM_CHANS: lambda t: len(t.channels),
            pb.TASK_ATTRIBUTE_DEVICES: lambda t: ", ".join(t.devices),
            pb.TASK_ATTRIBUTE_NUM_DEVICES: lambda t: len(t.devices),
            pb.TASK_ATTRIBUTE_COMPLETE: lambda t: t.is_done,
            pb.TIMING_ATTRIBUTE_SAMP_CLK_RATE: lambda t: t.timing.true_rate_hz,
            pb.TIMING_ATTRIBUTE_SAMP_CLK_MAX_RATE: lambda t: fastest_hz(t, self._driver.chassis),
            pb.TIMING_ATTRIBUTE_SAMP_CLK_SRC: _clock_source,
            pb.TIMING_ATTRIBUTE_SAMP_CLK_TERM: lambda t: f"/{t.devices[0]}/{t.kind}/SampleClock",
            pb.TIMING_ATTRIBUTE_SAMP_CLK_ACTIVE_EDGE: lambda t: t.timing.edge,
            pb.TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_MODE: lambda t: t.timing.mode,
            pb.TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_PER_CHAN: lambda t: t.timing.samples,
            pb.TIMING_ATTRIBUTE_SAMP_TIMING_TYPE: _timing_type,
            pb.TRIGGER_ATTRIBUTE_START_TRIG_TYPE: lambda t: _trigger_type(t.start_trigger),
            pb.TRIGGER_ATTRIBUTE_REF_TRIG_TYPE: lambda t: _trigger_type(t.reference_trigger),
            pb.TRIGGER_ATTRIBUTE_DIG_EDGE_START_TRIG_SRC: lambda t: t.start_trigger.source or "",
            pb.TRIGGER_ATTRIBUTE_DIG_EDGE_START_TRIG_EDGE: lambda t: t.start_trigger.edge,
            pb.TRIGGER_ATTRIBUTE_START_TRIG_TERM: lambda t: (
                f"/{t.devices[0]}/{t.kind}/StartTrigger"
            ),
            pb.TRIGGER_ATTRIBUTE_START_TRIG_RETRIGGERABLE: lambda t: False,
            pb.READ_ATTRIBUTE_AVAIL_SAMP_PER_CHAN: lambda t: (
                t.incoming.available if t.incoming else 0
            ),
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


def _writable() -> Mapping[int, Setter]:
    return {
        pb.TIMING_ATTRIBUTE_SAMP_CLK_RATE: _set_rate,
        pb.TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_MODE: lambda t, v: _set_timing(t, "mode", v),
        pb.TIMING_ATTRIBUTE_SAMP_QUANT_SAMP_PER_CHAN: lambda t, v: _set_timing(t, "samples", v),
        pb.TIMING_ATTRIBUTE_SAMP_CLK_SRC: lambda t, v: _set_timing(t, "source", v),
        pb.TIMING_ATTRIBUTE_SAMP_TIMING_TYPE: _set_timing_type,
        pb.READ_ATTRIBUTE_OVERWRITE: lambda t, v: setattr(t, "overwrite", v),
        pb.READ_ATTRIBUTE_CHANNELS_TO_READ: _set_channels_to_read,
        pb.WRITE_ATTRIBUTE_REGEN_MODE: _set_regeneration,
        pb.BUFFER_ATTRIBUTE_INPUT_BUF_SIZE: _set_input_size,
        pb.BUFFER_ATTRIBUTE_OUTPUT_BUF_SIZE: _set_output_size,
        pb.TRIGGER_ATTRIBUTE_START_TRIG_RETRIGGERABLE: _set_retriggerable,
    }


def valued(request: Any, value: Any) -> Reply:
    """The reply of a property's value."""
    name = type(request).__name__
    # The reply of an enumeration carries its number beside its name, and the name may be unknown.
    is_enumeration = "Int32" in name and "UInt32" not in name
    return {"value_raw" if is_enumeration else "value": value}


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
    if value:
        number = pb.TRIGGER_ATTRIBUTE_START_TRIG_RETRIGGERABLE
        raise unsupported("retriggering", number, task.name)


def _channels(task: VirtualTask, names: str) -> list[VirtualChannel]:
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


def _channel_value(driver: Driver, task: VirtualTask, names: str, number: int) -> Any:
    assert task.kind is not None
    channel = _channels(task, names)[0]
    board = driver.chassis.boards[channel.places[0].device]
    step = 2 * board.range_V / 2**board.bits
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
            pb.CHANNEL_ATTRIBUTE_AI_DEV_SCALING_COEFF: [0.0, step, 0.0, 0.0],
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


def _set_channel(channel: VirtualChannel, number: int, value: Any, task: VirtualTask) -> None:
    task.check_idle()
    if number in (pb.CHANNEL_ATTRIBUTE_AI_MIN, pb.CHANNEL_ATTRIBUTE_AO_MIN):
        channel.low = float(value)
    elif number in (pb.CHANNEL_ATTRIBUTE_AI_MAX, pb.CHANNEL_ATTRIBUTE_AO_MAX):
        channel.high = float(value)
    elif number == pb.CHANNEL_ATTRIBUTE_AI_TERM_CFG:
        channel.terminal = int(value)
    else:
        raise unsupported("settable channel", number, task.name)
