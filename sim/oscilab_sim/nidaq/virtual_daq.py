"""`virtual_daq`, for testing nidaqmx code without hardware."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from nidaqmx import GrpcSessionOptions
from pydantic import ValidationError

from oscilab.errors import InvalidInput
from oscilab_nidaq.boards import Board, input_names, line_names
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.engine import Clock, Signal, Signals
from oscilab_sim.nidaq.server import OPTIONS, NidaqServer

DEFAULT_DEVICES: Mapping[str, str] = {"Dev1": "PCIe-6363"}


class VirtualDaq(GrpcSessionOptions):
    """Options for `nidaqmx.Task(grpc_options=...)`, and access to the virtual boards.

    `levels` are the outputs by name, such as `{"Dev1/ao0": 1.5}`.
    """

    def __init__(self, channel: grpc.Channel, server: NidaqServer, signals: Signals) -> None:
        super().__init__(channel, "")
        self.server = server
        self._signals = signals

    @property
    def address(self) -> str:
        """The address of the server, such as `127.0.0.1:31763`."""
        return self.server.address

    @property
    def levels(self) -> dict[str, float]:
        """The levels of the outputs by name; outputs that were never driven are missing."""
        with self.server.driver.engine.turn:
            self.server.driver.engine.sync()
            return dict(self._signals.levels)

    def set_signal(self, name: str, signal: Signal) -> None:
        """Change the signal at an input: volts, an output's name, or a function of seconds."""
        with self.server.driver.engine.turn:
            self._signals.set_signal(name, signal)

    def pulse(self, terminal: str) -> None:
        """Put a rising edge on a terminal such as `/Dev1/PFI0`; it starts the waiting tasks."""
        with self.server.driver.engine.turn:
            self.server.driver.triggers.pulse(terminal)

    def pull(self, device: str) -> None:
        """Remove a device; its running tasks fail, and its outputs go to zero volts."""
        with self.server.driver.engine.turn:
            self.server.driver.pull(device)

    def plug_in(self, device: str) -> None:
        """Put a removed device back."""
        with self.server.driver.engine.turn:
            self.server.driver.plug_in(device)


@contextmanager
def virtual_daq(
    devices: Mapping[str, str | Mapping[str, Any]] = DEFAULT_DEVICES,
    *,
    signals: Mapping[str, Signal] | None = None,
    pulses: Mapping[str, float] | None = None,
    clocks: Mapping[str, float] | None = None,
    real_time: bool = False,
) -> Generator[VirtualDaq]:
    """Run a virtual NI-DAQmx with `devices` (name -> product, or a table as in a bench file).

    `signals` maps inputs to their signals: volts, the name of an output, or a function of an array
    of seconds. `pulses` maps terminals to the delay in seconds of an edge after a task starts to
    wait for it, `clocks` maps terminals to the rate of an external clock in Hz. Waiting takes no
    real time unless `real_time` is set.

    Raises:
        InvalidInput: an unknown product, or a signal for an input that does not exist.
    """
    boards = {name: _board(name, value) for name, value in devices.items()}
    inputs = [
        line
        for name, board in boards.items()
        for line in (*input_names(name, board), *line_names(name, board))
    ]
    seen = Signals(inputs, signals or {})
    driver = Driver(Chassis(boards), seen, Clock(1.0 if real_time else 0.0), pulses, clocks)
    server = NidaqServer(driver)
    server.start()
    channel = grpc.insecure_channel(server.address, options=OPTIONS)
    try:
        yield VirtualDaq(channel, server, seen)
    finally:
        channel.close()
        server.stop()


def _board(name: str, table: str | Mapping[str, Any]) -> Board:
    try:
        return Board.model_validate(table)
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"virtual device {name}: {what}") from error
