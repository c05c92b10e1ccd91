"""The twin of the front end `scpi`: a virtual instrument for each real one, on one board."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from oscilab.bench.devices import Device
from oscilab.bench.tables import validated
from oscilab.errors import InvalidInput
from oscilab.wired.device import open_front_end
from oscilab.wired.twins import twin_table
from oscilab_sim.board.board import VirtualBoard
from oscilab_sim.board.table import BoardTable, board_of
from oscilab_sim.scpi.backplane import NOW, WAIT, Backplane, RackClock
from oscilab_sim.scpi.daq970a import Daq970a
from oscilab_sim.scpi.generic import GenericInstrument
from oscilab_sim.scpi.instrument import Instrument
from oscilab_sim.scpi.keysight33500 import Keysight33500
from oscilab_sim.scpi.qdac2 import Qdac2
from oscilab_sim.scpi.server import ScpiServer
from oscilab_visa.connection import (
    Connection,
    Daq970aTable,
    GenericTable,
    Keysight33500Table,
    Qdac2Table,
    Unit,
    units_of,
)
from oscilab_visa.rack import find_instrument, read_connection

HOST = "127.0.0.1"
TIMEOUT_S = 30.0
"""Timeout for virtual instruments, whose computer may be busy."""


class RackTable(BoardTable):
    """The table `twin` of a rack; see `BoardTable`.

    `models` are the models of waveform generators by instrument, as in `{ awg = "33622A" }`.
    """

    models: dict[str, str] = Field(default_factory=dict[str, str])


class RackTwin:
    """Virtual instruments, each on its own port or pseudo-terminal.

    Tests in the same process use `board` and `instruments` (by name); `server.do` accesses them
    between two messages.
    """

    def __init__(self, device: Device, endpoint: str | None) -> None:
        keys = ("devices", device.name, "twin")
        table = validated(RackTable, twin_table(device), device.where, keys)
        described = read_connection(device.table.connection or {}, device.name, device.where)
        host, port = _endpoint(endpoint)
        channels = open_front_end(device).channels
        _warm(board_of(device, channels, table.model_copy(update={"levels_file": None})))
        self.board: VirtualBoard = board_of(device, channels, table)
        self.backplane = Backplane(self.board, _thresholds(described))
        self.instruments: dict[str, Instrument] = {}
        self._addresses: dict[str, str] = {}
        self.server = ScpiServer(table.pace)
        finished = False
        try:
            for unit in units_of(described):
                instrument = _instrument(unit, self.backplane, table)
                self.instruments[unit.name] = instrument
                if unit.resource.upper().startswith("ASRL"):
                    path = self.server.open_terminal(instrument)
                    self._addresses[unit.name] = f"ASRL{path}::INSTR"
                    continue
                used = self.server.listen(instrument, host, port)
                self._addresses[unit.name] = f"TCPIP::{host}::{used}::SOCKET"
                port += bool(port)
            used = self.server.listen(RackClock(self.backplane), host, port)
            finished = True
        finally:
            if not finished:
                self.server.stop()
        address = f"TCPIP::{host}::{used}::SOCKET"
        self.connection: Mapping[str, object] = {
            "library": "@py",
            "timeout_s": max(described.timeout_s, TIMEOUT_S),
            "clock": {"resource": address, "wait": WAIT, "now": NOW},
            "instruments": _pointed(described, self._addresses),
        }

    @classmethod
    def start(cls, device: Device, endpoint: str | None) -> RackTwin:
        """Start the twin of `device`; with an endpoint HOST:PORT, on ports from PORT up.

        Raises:
            InvalidInput: a twin table or an endpoint that cannot be used.
        """
        return cls(device, endpoint)

    def stop(self) -> None:
        """Switch all instruments off; idempotent."""
        self.server.stop()


def _warm(spare: VirtualBoard) -> None:
    """Compile the kernels for motion and forces, which takes longer than a driver's timeout."""
    spare.advance(1e-9)
    spare.set_outputs(spare.channels.digital_outputs.astype(np.float64))
    spare.read([channel.name for channel in spare.channels.inputs], 1)


def _endpoint(endpoint: str | None) -> tuple[str, int]:
    if endpoint is None:
        return HOST, 0
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) < 1 << 16:
        raise InvalidInput(f"the endpoint {endpoint!r} is not HOST:PORT, such as 127.0.0.1:5025")
    return host, int(port)


def _thresholds(described: Connection) -> dict[str, float]:
    found: dict[str, float] = {}
    for unit in units_of(described):
        if isinstance(unit.table, Qdac2Table):
            for number, (off, on) in unit.table.switches.items():
                found[f"{unit.name}_{number}"] = (off + on) / 2
    return found


def _instrument(unit: Unit, backplane: Backplane, table: RackTable) -> Instrument:
    serial = unit.serial or f"SIM{sum(map(ord, unit.name)):05d}"
    described = unit.table
    twin = find_instrument(described.kind).twin
    if twin is not None:
        return twin(unit, serial, backplane)
    if isinstance(described, Qdac2Table):
        return Qdac2(unit.name, serial, backplane)
    if isinstance(described, Daq970aTable):
        modules = {int(slot): module for slot, module in described.modules.items()}
        return Daq970a(unit.name, serial, backplane, modules)
    if isinstance(described, GenericTable):
        return GenericInstrument(unit.name, serial, backplane, described)
    if isinstance(described, Keysight33500Table):
        return Keysight33500(unit.name, serial, backplane, table.models.get(unit.name, "33512B"))
    raise InvalidInput(
        f"instrument {unit.name} is of the kind {described.kind!r}, which has no virtual "
        "instrument; leave it out of what is simulated, or add a twin to its kind"
    )


def _pointed(described: Connection, addresses: Mapping[str, str]) -> dict[str, Any]:
    """Return the tables of the bench's instruments with the addresses of their twins."""
    found: dict[str, Any] = {}
    for name, table in described.instruments.items():
        values = table.model_dump(mode="json", exclude_unset=True)
        if table.resource is not None:
            values["resource"] = addresses[name]
        else:
            count = len(table.resources)
            values["resources"] = [addresses[f"{name}{n}"] for n in range(1, count + 1)]
        found[name] = values
    return found
