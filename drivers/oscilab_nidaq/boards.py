"""The boards that a bench names, and its table `[devices.NAME.connection]`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from oscilab.bench.tables import Table, validated
from oscilab.errors import InvalidInput
from oscilab.plugins import choices
from oscilab.wired.channels import Channel, ChannelTable

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1)]


class Board(Table):
    """One board.

    `ports` are the numbers of lines per port; lines of port 0 can be hardware timed. Rates are in
    samples per second with every channel in use; `input_rate_hz` is the sum over all inputs if
    these share one converter (`simultaneous` false). Inputs and outputs range over +-`range_V`.
    `watchdog` says that the board has a watchdog timer.
    """

    product: str
    outputs: Count = 0
    inputs: Count = 0
    ports: tuple[Count, ...] = Field(default=(), strict=False)
    output_rate_hz: Positive = 1e5
    input_rate_hz: Positive = 1e5
    digital_rate_hz: Positive = 1e7
    simultaneous: bool = True
    range_V: Positive = 10.0
    bits: Annotated[int, Field(ge=8, le=32)] = 16
    terminals: Literal["differential", "single-ended"] = "differential"
    watchdog: bool = False

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        """Fill in a known product; a table may override some of its numbers."""
        table: dict[str, Any] = {"product": value} if isinstance(value, str) else dict(value)  # type: ignore[call-overload]
        product = table.get("product")
        if not isinstance(product, str):
            raise ValueError('a board needs a product, such as "PXIe-6738"')
        if product in PRODUCTS:
            return {**PRODUCTS[product], **table}
        if len(table) == 1:
            raise ValueError(
                f"unknown product {product!r}; {choices(product, PRODUCTS)}; or describe it in a "
                "table with its outputs, inputs, ports and rates"
            )
        return table

    @property
    def step_V(self) -> float:
        """Step between two codes of the converters."""
        return 2 * self.range_V / 2**self.bits

    def line_rate_hz(self, inputs: int) -> float:
        """Return the fastest clock for `inputs` analog inputs of this board, in Hz."""
        return self.input_rate_hz if self.simultaneous else self.input_rate_hz / max(inputs, 1)


PRODUCTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "PXIe-6738": {"outputs": 32, "ports": (2, 8), "output_rate_hz": 350e3},
        "PXIe-6739": {"outputs": 64, "ports": (4, 8, 8), "output_rate_hz": 350e3},
        "PXIe-6358": {
            "outputs": 4, "inputs": 16, "ports": (32, 8, 8),
            "output_rate_hz": 3.3e6, "input_rate_hz": 1.25e6,
        },
        "PXIe-6368": {
            "outputs": 4, "inputs": 16, "ports": (32, 8, 8),
            "output_rate_hz": 3.3e6, "input_rate_hz": 2e6,
        },
        "PXIe-6363": {
            "outputs": 4, "inputs": 32, "ports": (32, 8, 8), "output_rate_hz": 2e6,
            "input_rate_hz": 1e6, "simultaneous": False, "terminals": "single-ended",
        },
        "PCIe-6363": {
            "outputs": 4, "inputs": 32, "ports": (32, 8, 8), "output_rate_hz": 2e6,
            "input_rate_hz": 1e6, "simultaneous": False, "terminals": "single-ended",
        },
        "USB-6363": {
            "outputs": 4, "inputs": 32, "ports": (32, 8, 8), "output_rate_hz": 2e6,
            "input_rate_hz": 1e6, "simultaneous": False, "terminals": "single-ended",
        },
        "NI 9264": {"outputs": 16, "output_rate_hz": 25e3, "watchdog": True},
    }
)  # fmt: skip
"""Boards with one converter are listed with single-ended inputs; the others are differential."""


def output_names(device: str, board: Board) -> list[str]:
    """Return the names of the analog outputs of `board`, which NI-DAQmx calls `device`."""
    return [f"{device}/ao{number}" for number in range(board.outputs)]


def input_names(device: str, board: Board) -> list[str]:
    """Return the names of the analog inputs of `board`."""
    return [f"{device}/ai{number}" for number in range(board.inputs)]


def line_names(device: str, board: Board) -> list[str]:
    """Return the names of the digital lines of `board`, port by port."""
    return [
        f"{device}/port{port}/line{line}"
        for port, lines in enumerate(board.ports)
        for line in range(lines)
    ]


UPDATE_S = 2e-3
"""Duration of a static update over gRPC; the shortest step of a ramp."""


class Connection(Table):
    """The boards, their clock and timeouts.

    `clock` is the terminal of the sample clock that all boards share; by default that of the analog
    inputs of the first board that has any, which NI-DAQmx routes over the backplane. `trigger` is
    the terminal whose rising edge starts a waveform; by default the start of those analog inputs.
    `timeout_s` is added to the duration of samples, `deadline_s` to that for a server's answer.
    `watchdog_s` is the timeout of watchdogs, on boards that have them.
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
        """The board whose analog inputs provide the sample clock."""
        return next(name for name, board in self.boards.items() if board.inputs)


def read_connection(table: Mapping[str, object], name: str, where: str) -> Connection:
    """Return the checked connection table of device `name`; `where` is its bench file.

    Raises:
        InvalidInput: an unknown key, product or line, or boards without an analog input.
    """
    connection = validated(Connection, table, where, ("devices", name, "connection"))
    where = f"{where}: devices.{name}.connection"
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
    """Return every line that the bench can wire, board by board, by NI's physical channel names."""
    analog: list[Channel] = []
    for direction, names in (("out", output_names), ("in", input_names)):
        for device, board in connection.boards.items():
            reach, step = board.range_V, board.step_V
            way: Literal["out", "in"] = "out" if direction == "out" else "in"
            analog += [Channel(n, "analog", way, -reach, reach, step) for n in names(device, board)]
    digital = [Channel(name, "digital", "out") for name in connection.digital_out]
    digital += [Channel(name, "digital", "in") for name in connection.digital_in]
    return ChannelTable([*analog, *digital], max_rate_hz(connection), connection.update_s)


def max_rate_hz(connection: Connection) -> float:
    """Return the fastest clock for all boards with all lines in use, in Hz."""
    rates = [
        rate
        for board in connection.boards.values()
        for rate in (
            [board.output_rate_hz] * bool(board.outputs)
            + [board.line_rate_hz(board.inputs)] * bool(board.inputs)
        )
    ]
    return min(rates)
