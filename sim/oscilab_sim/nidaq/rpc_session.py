"""The service beside NI-DAQmx's own by which NI's server tells of devices and frees them."""

from __future__ import annotations

from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb

from oscilab_sim.nidaq.calls import Alive, Reply
from oscilab_sim.nidaq.driver import Driver

SESSION: Any = pb.CreateTaskResponse.DESCRIPTOR.fields_by_name["task"].message_type
SERVICE: Any = SESSION.file.services_by_name["SessionUtilities"]
"""`nidevice_grpc.SessionUtilities`, from wherever this nidaqmx has its stubs."""


class SessionRpcs:
    """Sessions outlive their clients, as in NI's server, until somebody resets it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._reserved: dict[str, str] = {}

    def EnumerateDevices(self, request: Any, alive: Alive) -> Reply:
        """The devices of the chassis."""
        chassis = self._driver.chassis
        return {
            "devices": [
                {
                    "name": name,
                    "model": board.product,
                    "vendor": "National Instruments",
                    "serial_number": f"{chassis.serial(name):08X}",
                }
                for name, board in chassis.boards.items()
                if name in chassis.present
            ]
        }

    def Reserve(self, request: Any, alive: Alive) -> Reply:
        """Take a name that nobody else has; clients agree on what it stands for."""
        owner = self._reserved.setdefault(request.reservation_id, request.client_id)
        return {"is_reserved": owner == request.client_id}

    def IsReservedByClient(self, request: Any, alive: Alive) -> Reply:
        """Whether the client has it."""
        return {"is_reserved": self._reserved.get(request.reservation_id) == request.client_id}

    def Unreserve(self, request: Any, alive: Alive) -> Reply:
        """Give it back."""
        owns = self._reserved.get(request.reservation_id) == request.client_id
        if owns:
            del self._reserved[request.reservation_id]
        return {"is_unreserved": owns}

    def ResetServer(self, request: Any, alive: Alive) -> Reply:
        """Clear every task of every client; outputs hold."""
        self._driver.clear_all()
        self._reserved.clear()
        return {"is_server_reset": True}
