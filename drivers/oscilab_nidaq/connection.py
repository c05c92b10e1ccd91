"""What a bench says of NI boards: `[devices.NAME.connection]`.

[devices.daq0.connection]
server = "10.0.0.7:31763"          # NI's gRPC Device Server; leave away for the local driver
digital_out = ["PXI1Slot3/port0/line0"]
digital_in = ["PXI1Slot3/port0/line1"]
[devices.daq0.connection.boards]
PXI1Slot2 = "PXIe-6738"
PXI1Slot3 = "PXIe-6358"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from oscilab.bench.tables import Table, validated
from oscilab.errors import InvalidInput
from oscilab.plugins import choices
from oscilab.wired.channels import Channel, ChannelTable
from oscilab_nidaq.boards import Board, input_names, line_names, output_names

if TYPE_CHECKING:
    from oscilab.bench.devices import Device

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]
UPDATE_S = 2e-3
"""A static update over gRPC takes about so long; ramps step no faster."""


class Connection(Table):
    """The boards and how they are driven.

    `clock` is the terminal of the sample clock that all boards share; by default the clock of the
    analog inputs of the first board that has any, which NI-DAQmx routes over the backplane.
    `trigger` is the terminal whose rising edge starts everything; by default the start of those
    analog inputs. `timeout_s` is waited for samples beyond the time that they take, `deadline_s`
    for a server's answer beyond that. `watchdog_s` is after how long outputs go to their safe
    values when this computer falls silent, on boards that can do that.
    """

    boards: Annotated[dict[Name, Board], Field(min_length=1)]
    digital_out: list[Name] = Field(default_factory=list[str])
    digital_in: list[Name] = Field(default_factory=list[str])
    server: Name | None = None
    clock: Name | None = None
    trigger: Name | None = None
    timeout_s: Positive = 10.0
    deadline_s: Positive = 5.0
    update_s: Positive = UPDATE_S
    watchdog_s: Positive | None = None

    @property
    def master(self) -> str:
        """The board whose analog inputs give the sample clock."""
        return next(name for name, board in self.boards.items() if board.inputs)


def read_connection(table: Mapping[str, object], device: Device) -> Connection:
    """The checked connection table of a device.

    Raises:
        InvalidInput: an unknown key, product or line, or boards without an analog input.
    """
    keys = ("devices", device.name, "connection")
    connection = validated(Connection, table, device.where, keys)
    where = f"{device.where}: devices.{device.name}.connection"
    if not any(board.inputs for board in connection.boards.values()):
        raise InvalidInput(
            f"{where}.boards has no board with analog inputs, whose clock all boards share; add one"
        )
    lines = [line for name, board in connection.boards.items() for line in line_names(name, board)]
    wanted = [*connection.digital_out, *connection.digital_in]
    for line in wanted:
        if line not in lines:
            raise InvalidInput(
                f"{where} names the digital line {line!r}, which no board has; "
                f"{choices(line, lines[:8], 'such as')}"
            )
        if "/port0/" not in line:
            raise InvalidInput(
                f"{where} names the digital line {line!r}; only lines of port 0 can follow the "
                "sample clock; choose one of these"
            )
        if wanted.count(line) > 1:
            raise InvalidInput(f"{where} names the digital line {line!r} twice; name it once")
    return connection


def channels_of(connection: Connection) -> ChannelTable:
    """Every line that the bench can wire, board by board; names are NI's physical channels."""
    analog: list[Channel] = []
    for direction, names in (("out", output_names), ("in", input_names)):
        for device, board in connection.boards.items():
            reach, step = board.range_V, 2 * board.range_V / 2**board.bits
            way: Literal["out", "in"] = "out" if direction == "out" else "in"
            analog += [Channel(n, "analog", way, -reach, reach, step) for n in names(device, board)]
    digital = [Channel(name, "digital", "out") for name in connection.digital_out]
    digital += [Channel(name, "digital", "in") for name in connection.digital_in]
    return ChannelTable([*analog, *digital], max_rate_hz(connection), connection.update_s)


def max_rate_hz(connection: Connection) -> float:
    """The fastest clock that every board can follow with all its lines in use."""
    rates = [
        rate
        for board in connection.boards.values()
        for rate in (
            [board.output_rate_hz] * bool(board.outputs)
            + [board.line_rate_hz(board.inputs)] * bool(board.inputs)
        )
    ]
    return min(rates)
