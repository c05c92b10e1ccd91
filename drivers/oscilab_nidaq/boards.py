"""The boards that a bench names: how many lines of which kind, and what these can do.

Numbers are of the makers' data sheets. They let a bench be checked without hardware; `connect`
compares them with what the board says of itself, which counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from oscilab.bench.tables import Table
from oscilab.plugins import choices

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Board(Table):
    """One board.

    `ports` are the digital lines of each port; those of port 0 can be hardware timed. Rates are in
    samples a second with every channel in use; `input_rate_hz` is the sum over all inputs where
    these share one converter (`simultaneous` false). `range_V` is both ends of inputs and outputs.
    `watchdog` says that the board brings its outputs down by itself when it hears nothing.
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
        """A bare name stands for a product of the list; a table may change some of its numbers."""
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

    def line_rate_hz(self, inputs: int) -> float:
        """The fastest clock for `inputs` analog inputs of this board."""
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
"""Boards with one converter are counted single-ended, the others have differential inputs only."""


def output_names(device: str, board: Board) -> list[str]:
    """Analog outputs of `board` in the slot or under the name `device`."""
    return [f"{device}/ao{number}" for number in range(board.outputs)]


def input_names(device: str, board: Board) -> list[str]:
    """Its analog inputs."""
    return [f"{device}/ai{number}" for number in range(board.inputs)]


def line_names(device: str, board: Board) -> list[str]:
    """Its digital lines, port by port."""
    return [
        f"{device}/port{port}/line{line}"
        for port, lines in enumerate(board.ports)
        for line in range(lines)
    ]
