"""The twin of a device with NI boards: a virtual NI-DAQmx with the device's array behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from oscilab.bench.devices import Device
from oscilab.bench.tables import validated
from oscilab.types import IntArray, Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.device import open_front_end
from oscilab.wired.twins import twin_table
from oscilab.wired.waveform import Waveform
from oscilab_nidaq.boards import read_connection
from oscilab_sim.board import VirtualBoard
from oscilab_sim.board.table import BoardTable, board_of
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.engine import Clock, Stretch
from oscilab_sim.nidaq.server import NidaqServer


class NidaqTwin:
    """A running server; see `oscilab.wired.twins.Twin`."""

    def __init__(self, server: NidaqServer) -> None:
        self.server = server
        self.connection: dict[str, object] = {"server": server.address}

    @classmethod
    def start(cls, device: Device, endpoint: str | None) -> NidaqTwin:
        """Start the boards that the bench describes, at `endpoint`.

        Raises:
            InvalidInput: a twin table or an endpoint that cannot be used.
        """
        keys = ("devices", device.name, "twin")
        table = validated(NidaqTwinTable, twin_table(device), device.where, keys)
        connection = read_connection(device.table.connection or {}, device.name, device.where)
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

    `missing_boards` are boards of the bench that are not in the chassis.
    """

    missing_boards: list[str] = Field(default_factory=list[str])


def _compile_kernels(device: Device, channels: ChannelTable, table: NidaqTwinTable) -> None:
    """Move and read a scratch board once, so that no later call waits for compilation."""
    scratch = board_of(device, channels, table.model_copy(update={"levels_file": None}))
    scratch.advance(scratch.truth.units.time * 1e-3)
    scratch.set_outputs(channels.digital_outputs.astype(np.float64))
    scratch.read([channel.name for channel in channels.inputs], 1)


MOVING = 0.2
"""Relaxation times that are simulated of a stretch without a clock."""


class BoardPlant:
    """A `Plant` on a `VirtualBoard` with the channel names of the boards.

    Lines that the board does not have are unwired: as outputs they keep their level, as inputs
    they read it.
    """

    def __init__(self, board: VirtualBoard) -> None:
        self.board = board
        self._outputs = board.channels.output_numbers
        self._inputs = board.channels.input_numbers
        self._loose: dict[str, float] = {}

    def level(self, output: str) -> float:
        """Return the level of an output."""
        if output in self._outputs:
            return float(self.board.levels[self._outputs[output]])
        return self._loose.get(output, 0.0)

    def set_levels(self, levels: Mapping[str, float]) -> None:
        """Set outputs to volts at once."""
        volts = np.array(self.board.levels)
        for name, level in levels.items():
            if name in self._outputs:
                volts[self._outputs[name]] = level
            else:
                self._loose[name] = level
        self.board.set_outputs(volts)

    def advance(self, seconds: float) -> None:
        """Let time pass; a free array moves for at most `MOVING` of it.

        No clock runs and no input is read in this time. A stiff drive takes longer to simulate
        than it lasts, so the rest of the motion is skipped.
        """
        moving = min(seconds, MOVING * self.board.truth.units.time)
        self.board.advance(moving)
        self.board.seconds += seconds - moving

    def read(self, inputs: Sequence[str], samples: int) -> Volts:
        """Return the present readings `[input, sample]`."""
        known = [name for name in inputs if name in self._inputs]
        volts = np.empty((len(inputs), samples))
        found = iter(self.board.read(known, samples) if known else ())
        for row, name in enumerate(inputs):
            volts[row] = next(found) if name in self._inputs else self.level(name)
        return volts

    def run(self, stretch: Stretch, inputs: Sequence[str], read: IntArray) -> Volts:
        """Play `stretch` and return readings at the ends of the samples `read`."""
        rows = [row for row, name in enumerate(stretch.outputs) if name in self._outputs]
        lines = np.array([self._outputs[stretch.outputs[row]] for row in rows], np.intp)
        levels = np.ascontiguousarray(stretch.levels[rows])
        waveform = Waveform(lines, levels, stretch.samples, stretch.repeats)
        known = [name for name in inputs if name in self._inputs]
        played = iter(self.board.run(waveform, stretch.rate_hz, known, read))
        loose = {
            name: stretch.levels[row]
            for row, name in enumerate(stretch.outputs)
            if name not in self._outputs
        }
        steps = waveform.step_of(read)
        volts = np.empty((len(inputs), stretch.repeats, len(read)))
        for row, name in enumerate(inputs):
            if name in self._inputs:
                volts[row] = next(played)
            else:
                volts[row] = loose[name][steps] if name in loose else self.level(name)
        self._loose |= {name: float(row[-1]) for name, row in loose.items()}
        return volts
