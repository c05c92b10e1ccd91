"""Properties of virtual channels, by number."""

from __future__ import annotations

from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx.error_codes import DAQmxErrors
from nidaqmx.utils import unflatten_channel_string

from oscilab_nidaq.boards import Board
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.properties import VOLTAGE, unsupported
from oscilab_sim.nidaq.tasks import Kind, VirtualChannel, VirtualTask

TYPES = {Kind.AI: 10100, Kind.AO: 10102, Kind.DI: 10151, Kind.DO: 10153}
RIGHT_JUSTIFIED = 10279


def step_V(board: Board) -> float:
    """Volts from one code of a board's converters to the next."""
    return 2 * board.range_V / 2**board.bits


def raw_bits(board: Board) -> int:
    """How wide the samples are that a board hands over unscaled."""
    return 16 if board.bits <= 16 else 32


def channels_of(task: VirtualTask, names: str) -> list[VirtualChannel]:
    """The channels of a task that `names` lists; all where it is empty.

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
    """The property `number` of the first channel of `names`.

    Raises:
        DaqFault: there is none of that number.
    """
    assert task.kind is not None
    channel = channels_of(task, names)[0]
    board = chassis.boards[channel.places[0].device]
    step = step_V(board)
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


def set_channel(channel: VirtualChannel, number: int, value: Any, task: VirtualTask) -> None:
    """Set the property `number` of a channel.

    Raises:
        DaqFault: it cannot be set, or the task runs.
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
