"""The twin of a microcontroller: its firmware as a local process, with a plant in C."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from oscilab.bench.devices import Device
from oscilab.bench.tables import Table, validated
from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.wired.channels import ChannelTable
from oscilab.wired.device import design_of
from oscilab.wired.twins import twin_table
from oscilab_firmware.commands import Refused
from oscilab_firmware.connection import Connection
from oscilab_firmware.session import open_session
from oscilab_firmware.trips import sentence_of
from oscilab_sim.board.imperfections import Imperfections, true_calibration
from oscilab_sim.board.table import Event
from oscilab_sim.firmware.plant import plant_lines, plant_terms, send_plant, setup_of
from oscilab_sim.firmware.process import FirmwareProcess, host_program


class TwinTable(Table):
    """The table `twin` of a device with the front end `firmware`.

    With `real_time` the sample clock follows the wall clock; otherwise it runs as fast as it can
    be computed. The firmware appends a record of its actions to the file `log`.
    """

    imperfections: Imperfections = Imperfections()
    events: list[Event] = Field(default_factory=list[Event])
    real_time: bool = False
    log: Annotated[str, Field(min_length=1)] | None = None


class FirmwareTwin:
    """A running firmware process; see `oscilab.wired.twins.Twin`."""

    def __init__(self, process: FirmwareProcess) -> None:
        self._process = process

    @classmethod
    def start(cls, device: Device, endpoint: str | None) -> FirmwareTwin:
        """Compile and start the firmware for `device`, and set up its plant.

        Raises:
            InvalidInput: a twin table or an endpoint that cannot be used.
            DeviceFailed: there is no C compiler, or the firmware does not start.
        """
        table = validated(
            TwinTable, twin_table(device), device.where, ("devices", device.name, "twin")
        )
        connection = validated(
            Connection,
            device.table.connection or {},
            device.where,
            ("devices", device.name, "connection"),
        )
        process = FirmwareProcess(host_program(), arguments_of(connection, table, endpoint))
        twin = cls(process)
        try:
            _set_up_plant(device, connection, table, twin)
        except BaseException:
            twin.stop()
            raise
        return twin

    @property
    def connection(self) -> Mapping[str, object]:
        """The connection table entries that lead to it."""
        return {"port": self._process.port, "usb": None}

    def stop(self) -> None:
        """End the process; idempotent."""
        self._process.stop()


def arguments_of(connection: Connection, table: TwinTable, endpoint: str | None) -> list[str]:
    """Return the arguments of a firmware with the lines that the bench describes.

    Raises:
        InvalidInput: a malformed endpoint.
    """
    place = endpoint or "127.0.0.1:0"
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InvalidInput(f"the endpoint {place!r} is not HOST:PORT, such as 127.0.0.1:31763")
    arguments = ["--tcp", place, "--child", "--slew", f"{connection.dac.slew:g}"]
    for option, count in (
        ("--analog-outputs", connection.analog_outputs),
        ("--digital-outputs", connection.digital_outputs),
        ("--analog-inputs", connection.analog_inputs),
        ("--digital-inputs", connection.digital_inputs),
        ("--update-us", round(connection.update_s * 1e6)),
        ("--min-period-ns", math.floor(1e9 / connection.max_rate_hz)),
    ):
        arguments += [option, str(count)]
    if table.real_time:
        arguments.append("--real-time")
    if table.log is not None:
        arguments += ["--log", table.log]
    return arguments


def _set_up_plant(
    device: Device, connection: Connection, table: TwinTable, twin: FirmwareTwin
) -> None:
    banks = connection.banks
    channels = ChannelTable(banks.channels(), connection.max_rate_hz, connection.update_s)
    potential, wiring, design = design_of(device, channels)
    flaws = table.imperfections
    truth = true_calibration(design, flaws)
    setup = setup_of(potential.oscillators, truth.units.time, flaws)
    terms = plant_terms(potential)
    lines = plant_lines(potential, wiring, truth, channels, flaws, table.events)
    there = connection.model_copy(update=dict(twin.connection))
    session = open_session(there, device.name)
    try:
        send_plant(session, setup, terms, lines)
    except Refused as refused:
        raise DeviceFailed(
            f"the twin of device {device.name} cannot simulate its bench: "
            f"{sentence_of(refused.report, banks, device.name)}"
        ) from refused
    finally:
        session.close()
