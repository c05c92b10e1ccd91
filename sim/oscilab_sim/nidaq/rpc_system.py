"""RPCs on the whole server: devices and their channels, resets, reservations, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx.error_codes import DAQmxErrors, DAQmxWarnings

from oscilab_nidaq.boards import Board, input_names, line_names, output_names
from oscilab_sim.nidaq.calls import VOLTAGE, Alive, DaqFault, Reply, raw, valued
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.tasks import State

VERSION = (23, 8, 0)
"""The reported version, NI-DAQmx 2023 Q4 with a patch; newer clients use fewer RPCs with it."""
TERMINALS = (
    *(f"PFI{n}" for n in range(16)), *(f"PXI_Trig{n}" for n in range(8)), "ai/SampleClock",
    "ai/StartTrigger", "ao/SampleClock", "ao/StartTrigger", "di/SampleClock", "do/SampleClock",
)  # fmt: skip
DIGITAL_EDGE_START = 2
CATEGORIES = {"PXIe-67": 14647, "NI 9": 14659}
X_SERIES = 15858


class SystemRpcs:
    """Devices, physical channels, the system and its errors."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def handler(self, name: str) -> Callable[[Any, Alive], Reply] | None:
        """Return the function for an RPC such as `GetDeviceAttributeString`, if there is one."""
        for prefix, function in (
            ("GetSystemInfoAttribute", self._system),
            ("GetDeviceAttribute", self._device),
            ("GetPhysicalChanAttribute", self._physical),
        ):
            if name.startswith(prefix):
                return function
        return None

    def GetErrorString(self, request: Any, alive: Alive) -> Reply:
        """Return the text of an error."""
        for codes in (DAQmxErrors, DAQmxWarnings):
            try:
                words = codes(request.error_code).name.replace("_", " ").capitalize()
            except ValueError:
                continue
            return {"error_string": f"{words}.\n\nStatus Code: {request.error_code}"}
        return {"error_string": ""}

    def ResetDevice(self, request: Any, alive: Alive) -> Reply:
        """Abort the device's tasks and set its outputs to zero."""
        device, board = self._driver.chassis.device(request.device_name)
        for task in self._driver.tasks.values():
            if device in task.devices and task.state >= State.RESERVED:
                self._driver.unreserve(task)
        for watchdog in self._driver.watchdogs.values():
            if watchdog.device == device:
                watchdog.clear_expiration()
        levels = dict.fromkeys(output_names(device, board), 0.0)
        self._driver.engine.plant.set_levels(
            {**levels, **dict.fromkeys(line_names(device, board), 0.0)}
        )
        return {}

    def SelfTestDevice(self, request: Any, alive: Alive) -> Reply:
        """Check that the device exists."""
        self._driver.chassis.device(request.device_name)
        return {}

    def _system(self, request: Any, alive: Alive) -> Reply:
        devices = ", ".join(self._driver.chassis.present)
        values: dict[int, Any] = {
            pb.SYSTEM_ATTRIBUTE_DEV_NAMES: devices,
            pb.SYSTEM_ATTRIBUTE_TASKS: "",
            pb.SYSTEM_ATTRIBUTE_SCALES: "",
            pb.SYSTEM_ATTRIBUTE_GLOBAL_CHANS: "",
            pb.SYSTEM_ATTRIBUTE_NIDAQ_MAJOR_VERSION: VERSION[0],
            pb.SYSTEM_ATTRIBUTE_NIDAQ_MINOR_VERSION: VERSION[1],
            pb.SYSTEM_ATTRIBUTE_NIDAQ_UPDATE_VERSION: VERSION[2],
        }
        return _found(values, request, "system", "the system")

    def _device(self, request: Any, alive: Alive) -> Reply:
        device, board = self._driver.chassis.device(request.device_name)
        number = self._driver.chassis.serial(device)
        return _found(_device_values(device, board, number), request, "device", device)

    def _physical(self, request: Any, alive: Alive) -> Reply:
        name = request.physical_channel
        kind = "line" if "port" in name.lower() else "ai" if "/ai" in name.lower() else "ao"
        chassis = self._driver.chassis
        chassis.lines(name) if kind == "line" else chassis.places(kind, name)
        values: dict[int, Any] = {
            pb.PHYSICALCHANNEL_ATTRIBUTE_PHYSICAL_CHAN_AI_TERM_CFGS: 3,
            pb.PHYSICALCHANNEL_ATTRIBUTE_PHYSICAL_CHAN_AO_TERM_CFGS: 1,
            pb.PHYSICALCHANNEL_ATTRIBUTE_PHYSICAL_CHAN_AI_SUPPORTED_MEAS_TYPES: [VOLTAGE],
            pb.PHYSICALCHANNEL_ATTRIBUTE_PHYSICAL_CHAN_AO_SUPPORTED_OUTPUT_TYPES: [VOLTAGE],
        }
        return _found(values, request, "physical channel", name)


def _device_values(device: str, board: Board, number: int) -> dict[int, Any]:
    lines = ", ".join(line_names(device, board))
    ports = ", ".join(f"{device}/port{port}" for port in range(len(board.ports)))
    reach = [-board.range_V, board.range_V]
    category = next((c for p, c in CATEGORIES.items() if board.product.startswith(p)), X_SERIES)
    shared = board.input_rate_hz
    return {
        pb.DEVICE_ATTRIBUTE_PRODUCT_TYPE: board.product,
        pb.DEVICE_ATTRIBUTE_PRODUCT_CATEGORY: category,
        pb.DEVICE_ATTRIBUTE_SERIAL_NUM: number,
        pb.DEVICE_ATTRIBUTE_PRODUCT_NUM: 0,
        pb.DEVICE_ATTRIBUTE_IS_SIMULATED: True,
        pb.DEVICE_ATTRIBUTE_AI_PHYSICAL_CHANS: ", ".join(input_names(device, board)),
        pb.DEVICE_ATTRIBUTE_AO_PHYSICAL_CHANS: ", ".join(output_names(device, board)),
        pb.DEVICE_ATTRIBUTE_DI_LINES: lines,
        pb.DEVICE_ATTRIBUTE_DO_LINES: lines,
        pb.DEVICE_ATTRIBUTE_DI_PORTS: ports,
        pb.DEVICE_ATTRIBUTE_DO_PORTS: ports,
        pb.DEVICE_ATTRIBUTE_CI_PHYSICAL_CHANS: "",
        pb.DEVICE_ATTRIBUTE_CO_PHYSICAL_CHANS: "",
        pb.DEVICE_ATTRIBUTE_AI_VOLTAGE_RNGS: reach if board.inputs else [],
        pb.DEVICE_ATTRIBUTE_AO_VOLTAGE_RNGS: reach if board.outputs else [],
        pb.DEVICE_ATTRIBUTE_AI_MAX_SINGLE_CHAN_RATE: shared,
        pb.DEVICE_ATTRIBUTE_AI_MAX_MULTI_CHAN_RATE: shared,
        pb.DEVICE_ATTRIBUTE_AI_MIN_RATE: 0.023,
        pb.DEVICE_ATTRIBUTE_AO_MAX_RATE: board.output_rate_hz,
        pb.DEVICE_ATTRIBUTE_AO_MIN_RATE: 0.023,
        pb.DEVICE_ATTRIBUTE_DI_MAX_RATE: board.digital_rate_hz,
        pb.DEVICE_ATTRIBUTE_DO_MAX_RATE: board.digital_rate_hz,
        pb.DEVICE_ATTRIBUTE_AI_SIMULTANEOUS_SAMPLING_SUPPORTED: board.simultaneous,
        pb.DEVICE_ATTRIBUTE_AO_SAMP_CLK_SUPPORTED: bool(board.outputs),
        pb.DEVICE_ATTRIBUTE_DIG_TRIG_SUPPORTED: True,
        pb.DEVICE_ATTRIBUTE_ANLG_TRIG_SUPPORTED: False,
        pb.DEVICE_ATTRIBUTE_AI_TRIG_USAGE: DIGITAL_EDGE_START,
        pb.DEVICE_ATTRIBUTE_AO_TRIG_USAGE: DIGITAL_EDGE_START,
        pb.DEVICE_ATTRIBUTE_TERMINALS: ", ".join(f"/{device}/{name}" for name in TERMINALS),
    }


def _found(values: dict[int, Any], request: Any, what: str, name: str) -> Reply:
    number = raw(request, "attribute")
    if number not in values:
        raise DaqFault(
            DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
            f"The virtual NI-DAQmx does not implement the {what} property {number:#06x} of {name}; "
            "sim/README.md lists what it does.",
        )
    return valued(request, values[number])


SESSION: Any = pb.CreateTaskResponse.DESCRIPTOR.fields_by_name["task"].message_type
SERVICE: Any = SESSION.file.services_by_name["SessionUtilities"]
"""`nidevice_grpc.SessionUtilities`, wherever this version of nidaqmx keeps its stubs."""


class SessionRpcs:
    """Sessions; as in NI's server, they outlive their clients until the server is reset."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._reserved: dict[str, str] = {}

    def EnumerateDevices(self, request: Any, alive: Alive) -> Reply:
        """Return the devices of the chassis."""
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
        """Reserve a name, whose meaning is up to the clients."""
        owner = self._reserved.setdefault(request.reservation_id, request.client_id)
        return {"is_reserved": owner == request.client_id}

    def IsReservedByClient(self, request: Any, alive: Alive) -> Reply:
        """Return whether the client has reserved the name."""
        return {"is_reserved": self._reserved.get(request.reservation_id) == request.client_id}

    def Unreserve(self, request: Any, alive: Alive) -> Reply:
        """Release a reserved name."""
        owns = self._reserved.get(request.reservation_id) == request.client_id
        if owns:
            del self._reserved[request.reservation_id]
        return {"is_unreserved": owns}

    def ResetServer(self, request: Any, alive: Alive) -> Reply:
        """Clear every task of every client; outputs hold."""
        self._driver.clear_all()
        self._reserved.clear()
        return {"is_server_reset": True}
