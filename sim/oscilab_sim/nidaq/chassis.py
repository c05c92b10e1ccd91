"""The boards behind the server, and the names of their channels and terminals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nidaqmx import DaqError
from nidaqmx.error_codes import DAQmxErrors
from nidaqmx.utils import unflatten_channel_string

from oscilab_nidaq.boards import Board, input_names, line_names, output_names
from oscilab_sim.nidaq.calls import DaqFault


@dataclass(frozen=True)
class Place:
    """A physical channel: the name of its device, and its own as in the device's table."""

    device: str
    name: str


class Chassis:
    """Devices by name; names are case-insensitive, as in NI-DAQmx."""

    def __init__(self, boards: Mapping[str, Board]) -> None:
        self.boards = dict(boards)
        self.pulled: set[str] = set()
        """Devices that were removed."""
        self._devices = {name.lower(): name for name in boards}
        self._places: dict[str, dict[str, Place]] = {"ao": {}, "ai": {}, "line": {}}
        for device, board in boards.items():
            for kind, names in (
                ("ao", output_names(device, board)),
                ("ai", input_names(device, board)),
                ("line", line_names(device, board)),
            ):
                self._places[kind] |= {name.lower(): Place(device, name) for name in names}

    def device(self, name: str) -> tuple[str, Board]:
        """Return the name and the board of the device `name`.

        Raises:
            DaqFault: there is no such device.
        """
        # As in NI-DAQmx, the name of a channel also selects its device.
        found = self._devices.get(name.strip("/").partition("/")[0].lower())
        if found is None or found in self.pulled:
            raise DaqFault(
                DAQmxErrors.INVALID_DEVICE_ID,
                f"Device identifier is invalid.\n\nDevice Specified: {name}",
            )
        return found, self.boards[found]

    @property
    def present(self) -> list[str]:
        """The devices that are in the chassis."""
        return [name for name in self.boards if name not in self.pulled]

    def serial(self, device: str) -> int:
        """Return a serial number, made up from the name and the same in every process."""
        return 0x0C0FFEE + sum(place * ord(letter) for place, letter in enumerate(device, 1))

    def places(self, kind: str, text: str) -> list[Place]:
        """Return the channels of `kind` named by `text`, such as `Dev1/ao0:3, Dev2/ao1`.

        Raises:
            DaqFault: a device or channel that does not exist.
        """
        return [self._place(kind, name) for name in _expanded(text)]

    def lines(self, text: str) -> list[Place]:
        """Return the digital lines named by `text`, which may name whole ports as `Dev1/port0`.

        Raises:
            DaqFault: a device or line that does not exist.
        """
        found: list[Place] = []
        for name in _expanded(text):
            if re.fullmatch(r"[^/]+/port\d+", name.strip("/"), re.IGNORECASE):
                device, board = self.device(name.strip("/").partition("/")[0])
                port = (
                    f"{device}/port{int(re.split('port', name, flags=re.IGNORECASE)[1])}/".lower()
                )
                names = [n for n in line_names(device, board) if n.lower().startswith(port)]
                if not names:
                    raise _no_channel(name)
                found += [Place(device, line) for line in names]
            else:
                found.append(self._place("line", name))
        return found

    def terminal(self, name: str, device: str) -> tuple[str, str]:
        """Return the device and the terminal of `name`, which may omit the device.

        Raises:
            DaqFault: a device that does not exist.
        """
        parts = name.strip("/").split("/", 1)
        if len(parts) == 2 and parts[0].lower() in self._devices:
            return self._devices[parts[0].lower()], parts[1].lower()
        if name.startswith("/") and len(parts) == 2:
            self.device(parts[0])
        return device, name.strip("/").lower()

    def _place(self, kind: str, name: str) -> Place:
        found = self._places[kind].get(name.strip("/").lower())
        if found is None or found.device in self.pulled:
            self.device(name.strip("/").partition("/")[0])
            raise _no_channel(name)
        return found


def _expanded(text: str) -> list[str]:
    try:
        names = unflatten_channel_string(text)
    except DaqError as error:
        raise DaqFault(DAQmxErrors(error.error_code), str(error)) from error
    if not names:
        raise _no_channel(text)
    return names


def _no_channel(name: str) -> DaqFault:
    return DaqFault(
        DAQmxErrors.PHYSICAL_CHAN_DOES_NOT_EXIST,
        "Physical channel specified does not exist on this device.\n\nRefer to the documentation "
        f"for channels available on this device.\n\nPhysical Channel Name: {name}",
    )
