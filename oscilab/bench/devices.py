"""The devices that a user can name, and the arrays behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, cast

from pydantic import BaseModel

from oscilab.arrays import OscillatorArray
from oscilab.bench.find import example_benches, find_bench, search_order
from oscilab.bench.schema import BUILT_IN_DEVICE, Bench, DeviceTable, read_bench
from oscilab.bench.tables import validated
from oscilab.errors import InvalidInput
from oscilab.physics import Potential, Topology
from oscilab.plugins import choices, find

GROUP = "oscilab.arrays"


@dataclass(frozen=True, eq=False)
class Device:
    """A named device: its table, and the bench that describes it (None for the built-in one).

    `is_twin` marks a device whose hardware is a stand-in, so that its data are called simulated.
    """

    name: str
    table: DeviceTable
    bench: Bench | None = None
    is_twin: bool = False

    @property
    def origin(self) -> str:
        """Where it is described, for messages."""
        return str(self.bench.path) if self.bench else "built in"

    @property
    def where(self) -> str:
        """Its table, for messages."""
        return f"bench file {self.bench.path}" if self.bench else f"device {self.name}"

    @property
    def terms(self) -> tuple[str, ...] | None:
        """The terms that it offers, or None if it takes any."""
        return tuple(self.table.terms) if self.table.terms else None

    def topology(self) -> Topology | None:
        """Its oscillators and edges, or None if it takes any.

        Raises:
            InvalidInput: an edge list that is missing or wrong.
        """
        if self.table.topology is None or self.bench is None:
            return None
        try:
            return self.table.topology.build(self.bench.folder)
        except InvalidInput as error:
            raise InvalidInput(f"{self.where}: devices.{self.name}.topology: {error}") from error


class ArrayKind(Protocol):
    """What a class of the group `oscilab.arrays` offers, so that a bench file can describe it.

    `Settings` is the schema of the device's table `settings`.
    """

    Settings: ClassVar[type[BaseModel]]

    @classmethod
    def from_device(cls, device: Device, potential: Potential, seed: int) -> OscillatorArray:
        """Return the array that `device` describes, under `potential`, not yet driven.

        Raises:
            InvalidInput: a description that cannot be used.
        """
        ...

    @staticmethod
    def check_device(device: Device) -> list[str]:
        """Refuse what is wrong in the description; return what else an operator should know.

        Raises:
            InvalidInput: naming what is wrong.
        """
        ...


SIM = Device(BUILT_IN_DEVICE, DeviceTable(array="simulated"))


def devices_of(bench: Bench) -> list[Device]:
    """Return the devices that one bench file describes."""
    return [Device(name, table, bench) for name, table in bench.devices.items()]


def list_devices(bench: str | None = None) -> list[Device]:
    """Return every device that can be named: the built-in one first, then those of the bench file
    that `find_bench` finds.

    Where neither `bench` nor OSCILAB_BENCH names a bench, the devices of the examples follow.

    Raises:
        InvalidInput: a bench that cannot be found or used.
    """
    devices = {SIM.name: SIM}
    path = find_bench(bench)
    paths = [path] if path else []
    if not any(place.path for place in search_order(bench)[:2]):
        paths += example_benches().values()
    for device in (device for path in paths for device in devices_of(read_bench(path))):
        # The user's own come first: an example never hides them.
        devices.setdefault(device.name, device)
    return list(devices.values())


def device_named(name: str, bench: str | None = None) -> Device:
    """Return the device called `name`.

    Raises:
        InvalidInput: there is none, or its bench cannot be used.
    """
    if name == SIM.name and bench is None:
        # The built-in device works even where a bench file in the working folder is wrong.
        return SIM
    devices = {device.name: device for device in list_devices(bench)}
    if name not in devices:
        read = dict.fromkeys(str(device.bench.path) for device in devices.values() if device.bench)
        raise InvalidInput(
            f"unknown device {name!r}; {choices(name, devices, 'the devices are')} "
            f"(bench files read: {', '.join(read) or 'none, give one with --bench'})"
        )
    return devices[name]


def array_class(device: Device) -> type[ArrayKind]:
    """Return the class of the device's array.

    Raises:
        InvalidInput: no such kind of array is installed.
        OscilabError: it is installed but cannot be used.
    """
    try:
        found = find(GROUP, device.table.array, {}, ArrayKind)
    except InvalidInput as error:
        raise InvalidInput(f"{device.where}: devices.{device.name}.array: {error}") from error
    return cast(type[ArrayKind], found)


def check_device(device: Device) -> list[str]:
    """Refuse a device whose files show that it cannot be opened; return warnings, such as that a
    calibration is old.

    No hardware is touched, and no array is built.

    Raises:
        InvalidInput: an unknown kind of array, a setting that it does not take, a file that is
            missing, an edge list or a potential that cannot be.
    """
    kind = array_class(device)
    _check_settings(device, kind)
    _check_files(device)
    topology = device.topology()
    if topology is not None:
        Potential(topology, device.terms or ())
    return kind.check_device(device)


def open_array(device: Device, potential: Potential, seed: int) -> OscillatorArray:
    """Open the array of `device` under `potential`, its random numbers drawn from `seed`.

    Raises:
        InvalidInput: settings that cannot be used, or a potential that the device does not have.
        OscilabError: the array's package cannot be used.
    """
    kind = array_class(device)
    _check_settings(device, kind)
    _check_potential(device, potential)
    return kind.from_device(device, potential, seed)


def _check_settings(device: Device, kind: type[ArrayKind]) -> None:
    keys = ("devices", device.name, "settings")
    validated(kind.Settings, device.table.settings, device.where, keys)


def _check_files(device: Device) -> None:
    named: dict[str, Any] = {
        "wiring": device.table.wiring, "calibration": device.table.calibration
    }  # fmt: skip
    for key, name in named.items():
        if device.bench and isinstance(name, str) and not (device.bench.folder / name).is_file():
            raise InvalidInput(
                f"{device.where}: devices.{device.name}.{key} names the file "
                f"{device.bench.folder / name}, which does not exist; correct the path, which "
                "starts from the bench file's folder"
            )


def _check_potential(device: Device, potential: Potential) -> None:
    there, wanted = device.topology(), potential.topology
    if there is not None and there.oscillators != wanted.oscillators:
        raise InvalidInput(
            f"device {device.name} has {there.oscillators} oscillators ({there.name}), not the "
            f"{wanted.oscillators} of {wanted.name}; choose a topology or a device that fits"
        )
    if there is not None:
        missing = {*map(tuple, wanted.edges.tolist())} - {*map(tuple, there.edges.tolist())}
        if missing:
            raise InvalidInput(
                f"device {device.name} ({there.name}) lacks {len(missing)} edges of {wanted.name}, "
                f"the first {min(missing)}; choose a topology that fits"
            )
    for term in potential.families if device.terms else ():
        if term not in (device.terms or ()):
            raise InvalidInput(
                f"device {device.name} has no term {term}; "
                f"{choices(term, device.terms or (), 'it has')}"
            )
