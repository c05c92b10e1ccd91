"""From a device in a bench file to its parts, and to the device connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oscilab.arrays.record import DeviceRecord, LineRecord
from oscilab.bench.devices import Device
from oscilab.bench.tables import validated
from oscilab.errors import InvalidInput
from oscilab.physics import Potential
from oscilab.plugins import find
from oscilab.wired.calibration import Calibration, nominal_calibration, read_calibration
from oscilab.wired.channels import ChannelTable
from oscilab.wired.drive import Drive
from oscilab.wired.faults import FaultyFrontEnd
from oscilab.wired.front_end import (
    AnalogFrontEnd,
    FrontEndCapability,
    FrontEndKind,
    GuardingFrontEnd,
    SimulatedFrontEnd,
)
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.lines import Scale
from oscilab.wired.lock import DeviceLock
from oscilab.wired.settings import WiredSettings
from oscilab.wired.wiring import (
    ENABLE,
    IN_ORDER,
    Wiring,
    WiringRow,
    family_of,
    in_order,
    inline_rows,
    read_csv,
    wire,
)

GROUP = "oscilab.front_ends"


@dataclass(frozen=True, eq=False, kw_only=True)
class Wires:
    """What it takes to move the outputs of a device, in volts; nothing is connected.

    What the volts mean is not part of it, so that a device without its calibration can be made
    safe.
    """

    name: str
    front_end: AnalogFrontEnd
    potential: Potential
    wiring: Wiring
    limits: Limits
    interlocks: Interlocks
    settings: WiredSettings
    is_twin: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Wired(Wires):
    """Everything that a wired array is made of; the front end is not connected yet."""

    calibration: Calibration

    def record(self) -> DeviceRecord:
        """Return every wired line in the wiring's order, and the calibration, for run files."""
        lines = [self._line(name, target) for name, target in self.wiring.targets.items()]
        known = self.calibration
        constants = {
            "date": known.date.timestamp(),
            "nominal": float(known.nominal),
            "kT": known.units.kT,
            "kT_error": known.kT_error,
            "stiffness": known.units.stiffness,
            "mobility": known.units.mobility,
            "mobility_error": known.mobility_error,
            "response_s": known.response_s,
        }
        return DeviceRecord(tuple(lines), self.settings.average, constants)

    def _line(self, name: str, target: str) -> LineRecord:
        channels = self.front_end.channels
        is_output = name in channels.output_numbers
        channel = channels.output(name) if is_output else channels.input(name)
        values: dict[str, float] = {}
        if family_of(target) != ENABLE:
            line = self.calibration.lines[name]
            scale = Scale.of([name], self.calibration, self.potential)
            # Errors come in volts per SI unit, as the calibration's gains do.
            unit = float(scale.gain[0]) / line.gain
            values = {
                "gain": float(scale.gain[0]),
                "offset": line.offset,
                "gain_error": line.gain_error * abs(unit),
                "offset_error": line.offset_error,
                "residual": line.residual,
            }
        return LineRecord(
            channel.name,
            target,
            lower=channel.lower,
            upper=channel.upper,
            resolution=channel.resolution,
            **values,
        )


class ConnectedDevice:
    """The device of `wires`, connected and locked against other processes, until `release`.

    `identity` is what it says that it is; `drive` moves its outputs. Nothing is driven yet.

    Raises:
        DeviceBusy: another process drives it.
        DeviceFailed: it cannot be connected.
    """

    def __init__(self, wires: Wires) -> None:
        self._front_end = wires.front_end
        self.drive = Drive(
            wires.front_end,
            wires.limits,
            wires.interlocks,
            wires.name,
            assume_safe=wires.settings.start == "assume-safe",
        )
        hardware = wires.front_end.hardware
        self._lock = DeviceLock(hardware, wires.name) if hardware else None
        try:
            self.identity = wires.front_end.connect()
        except BaseException:
            self._unlock()
            raise

    def release(self) -> None:
        """Disconnect and unlock, outputs as they are; idempotent."""
        try:
            self.drive.release()
            self._front_end.close()
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()


def parts_of(device: Device, design: bool = False) -> Wired:
    """Return front end, wiring, limits and calibration of a device, all checked; nothing connected.

    With `design` the design values stand in for the calibration, as when a new one is measured.

    Raises:
        InvalidInput: naming what is wrong.
        OscilabError: the front end's package cannot be used.
    """
    wires = wires_of(device)
    name = device.table.calibration
    if design or name is None or device.bench is None:
        calibration = nominal_calibration(
            wires.settings, wires.potential, wires.wiring, wires.front_end.channels, wires.limits
        )
    else:
        path = device.bench.folder / name
        calibration = read_calibration(path)
        calibration.check(wires.wiring, f"calibration {path}")
    return Wired(**vars(wires), calibration=calibration)


def wires_of(device: Device) -> Wires:
    """Return the same without the calibration.

    Raises:
        InvalidInput: naming what is wrong.
        OscilabError: the front end's package cannot be used.
    """
    where = f"{device.where}: devices.{device.name}"
    settings = _settings(device)
    potential = device_potential(device)
    front_end = open_front_end(device)
    channels = front_end.channels
    wiring = read_wiring(device, potential, channels)
    limits = Limits(device.table.limits or {}, wiring, channels, f"{where}.limits")
    live = FrontEndCapability.LIVE_INPUTS in front_end.capabilities
    interlocks = Interlocks(device.table.interlocks or {}, channels, f"{where}.interlocks", live)
    if isinstance(front_end, GuardingFrontEnd):
        front_end.guard(limits, interlocks)
    if settings.faults:
        front_end = FaultyFrontEnd(front_end, settings.faults)
    return Wires(
        name=device.name,
        front_end=front_end,
        potential=potential,
        wiring=wiring,
        limits=limits,
        interlocks=interlocks,
        settings=settings,
        is_twin=device.is_twin,
    )


def design_of(device: Device, channels: ChannelTable) -> tuple[Potential, Wiring, Calibration]:
    """Return potential, wiring and design values of a device, for what simulates its hardware.

    Raises:
        InvalidInput: naming what is wrong.
    """
    settings, potential = _settings(device), device_potential(device)
    wiring = read_wiring(device, potential, channels)
    where = f"{device.where}: devices.{device.name}.limits"
    limits = Limits(device.table.limits or {}, wiring, channels, where)
    design = nominal_calibration(settings, potential, wiring, channels, limits)
    return potential, wiring, design


def device_potential(device: Device) -> Potential:
    """Return the potential that the whole device is wired for.

    Raises:
        InvalidInput: the bench states no terms or no topology.
    """
    topology = device.topology()
    if topology is None or device.terms is None:
        raise InvalidInput(
            f"{device.where}: devices.{device.name} needs topology and terms, which say what its "
            "lines drive; add them"
        )
    return Potential(topology, device.terms)


def open_front_end(device: Device) -> AnalogFrontEnd:
    """Return the front end that the device names, not connected, and told no limits.

    Raises:
        InvalidInput: no such front end is installed, or its connection table is wrong.
        OscilabError: its package cannot be used.
    """
    where = f"{device.where}: devices.{device.name}"
    try:
        kind = find(GROUP, device.table.front_end or "", {}, FrontEndKind)
    except InvalidInput as error:
        raise InvalidInput(f"{where}.front_end: {error}") from error
    front_end = kind.from_bench(device.table.connection or {}, device.name, device.where)
    if isinstance(front_end, SimulatedFrontEnd):
        front_end.simulate(device)
    return front_end


def read_wiring(device: Device, potential: Potential, channels: ChannelTable) -> Wiring:
    """Return the device's wiring: a CSV file, an inline table, or `{ in_order = true }`.

    Raises:
        InvalidInput: naming the line that is wrong.
    """
    where = f"{device.where}: devices.{device.name}.wiring"
    return wire(_rows(device, potential, channels, where), potential, channels)


def _settings(device: Device) -> WiredSettings:
    keys = ("devices", device.name, "settings")
    return validated(WiredSettings, device.table.settings, device.where, keys)


def _rows(
    device: Device, potential: Potential, channels: ChannelTable, where: str
) -> list[WiringRow]:
    wiring = device.table.wiring
    if wiring is None:
        raise InvalidInput(
            f"{where} is missing; name a CSV file of channel,target lines, write it inline, or "
            f"state {{ {IN_ORDER} = true }}"
        )
    if isinstance(wiring, str):
        folder = device.bench.folder if device.bench else None
        if folder is None:
            raise InvalidInput(f"{where} names a file, but the device has no bench file")
        return read_csv(folder / wiring)
    if isinstance(wiring, Mapping) and wiring == {IN_ORDER: True}:
        return in_order(potential, channels)
    return inline_rows(wiring, where)
