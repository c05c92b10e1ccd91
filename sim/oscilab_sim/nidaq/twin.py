"""The twin of a device with NI boards: a virtual NI-DAQmx with the device's array behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from oscilab.bench.tables import validated
from oscilab.wired.channels import ChannelTable
from oscilab.wired.opening import open_front_end
from oscilab.wired.twins import twin_table
from oscilab_nidaq.connection import read_connection
from oscilab_sim.board.table import BoardTable, board_of
from oscilab_sim.nidaq.board_plant import BoardPlant
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.clock import Clock
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.server import NidaqServer

if TYPE_CHECKING:
    from oscilab.bench.devices import Device


class NidaqTwin:
    """A running server; see `oscilab.wired.twins.Twin`."""

    def __init__(self, server: NidaqServer) -> None:
        self.server = server
        self.connection: dict[str, object] = {"server": server.address}

    @classmethod
    def start(cls, device: Device, endpoint: str | None) -> NidaqTwin:
        """The boards that the bench describes, at `endpoint`.

        Raises:
            InvalidInput: a twin table or an endpoint that cannot be used.
        """
        keys = ("devices", device.name, "twin")
        table = validated(NidaqTwinTable, twin_table(device), device.where, keys)
        connection = read_connection(device.table.connection or {}, device)
        channels = open_front_end(device).channels
        _compile_kernels(device, channels, table)
        board = board_of(device, channels, table)
        missing = set(table.missing_boards)
        boards = {name: b for name, b in connection.boards.items() if name not in missing}
        driver = Driver(Chassis(boards), BoardPlant(board), Clock(table.pace))
        server = NidaqServer(driver, endpoint)
        server.start()
        return cls(server)

    def stop(self) -> None:
        """End the server; idempotent."""
        self.server.stop()


class NidaqTwinTable(BoardTable):
    """The table `twin` of a device with NI boards; see `BoardTable`.

    `missing_boards` are not in the chassis.
    """

    missing_boards: list[str] = Field(default_factory=list[str])


def _compile_kernels(device: Device, channels: ChannelTable, table: NidaqTwinTable) -> None:
    """Have a board move and read once, which compiles what later calls must not wait for."""
    scratch = board_of(device, channels, table.model_copy(update={"levels_file": None}))
    scratch.advance(scratch.truth.units.time * 1e-3)
    scratch.set_outputs(channels.digital_outputs.astype(np.float64))
    scratch.read([channel.name for channel in channels.inputs], 1)
