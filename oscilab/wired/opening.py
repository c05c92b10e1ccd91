"""From a device in a bench file to a wired array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from oscilab.errors import InvalidInput, OscilabError
from oscilab.physics import Potential
from oscilab.plugins import load
from oscilab.wired.calibration import Calibration, read_calibration
from oscilab.wired.channels import ChannelTable
from oscilab.wired.faults import FaultyFrontEnd
from oscilab.wired.front_end import (
    AnalogFrontEnd,
    BenchFrontEnd,
    FrontEndCapability,
    SeededFrontEnd,
)
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.nominal import nominal_calibration
from oscilab.wired.settings import WiredSettings
from oscilab.wired.wiring import IN_ORDER, Wiring, WiringRow, in_order, inline_rows, read_csv, wire

if TYPE_CHECKING:
    from oscilab.bench.devices import Device
    from oscilab.wired.array import WiredArray

GROUP = "oscilab.front_ends"


@dataclass(frozen=True, eq=False, kw_only=True)
class Wires:
    """What it takes to bring the outputs of a device somewhere, in volts; nothing is connected."""

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


def wired_device(device: Device, potential: Potential, seed: int) -> WiredArray:
    """The array of `device` under `potential`.

    `seed` is for front ends that simulate in this process; it does not reach matter, nor a twin,
    whose seed is its bench's.

    Raises:
        InvalidInput: a bench that cannot be used.
        DeviceFailed: the front end cannot be connected.
    """
    from oscilab.wired.array import WiredArray

    parts = parts_of(device)
    if isinstance(parts.front_end, SeededFrontEnd):
        parts.front_end.reseed(seed)
    return WiredArray(parts, potential)


def check_wired(device: Device) -> list[str]:
    """Refuse a device whose description is wrong, and say what an operator should know of it.

    Raises:
        InvalidInput: naming what is wrong.
    """
    return parts_of(device).calibration.concerns(device.name, "")


def parts_of(device: Device, design: bool = False) -> Wired:
    """Front end, wiring, limits and calibration of a device, all checked; nothing is connected.

    With `design` the design values stand in for the calibration, as when a new one is measured.

    Raises:
        InvalidInput: naming what is wrong.
        OscilabError: the front end's package cannot be used.
    """
    wires = wires_of(device)
    calibration = _design(wires) if design else _calibration(device, wires)
    return Wired(**vars(wires), calibration=calibration)


def wires_of(device: Device) -> Wires:
    """The same without the calibration, and without what it takes to have one.

    Raises:
        InvalidInput: naming what is wrong.
        OscilabError: the front end's package cannot be used.
    """
    from oscilab.bench.tables import validated

    where = f"{device.where}: devices.{device.name}"
    keys = ("devices", device.name, "settings")
    settings = validated(WiredSettings, device.table.settings, device.where, keys)
    potential = device_potential(device)
    front_end = open_front_end(device)
    if settings.faults:
        front_end = FaultyFrontEnd(front_end, settings.faults)
    channels = front_end.channels
    wiring = read_wiring(device, potential, channels)
    limits = Limits(device.table.limits or {}, wiring, channels, f"{where}.limits")
    live = FrontEndCapability.LIVE_INPUTS in front_end.capabilities
    interlocks = Interlocks(device.table.interlocks or {}, channels, f"{where}.interlocks", live)
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
    """Potential, wiring and design values of a device, for a twin that stands for its hardware.

    Raises:
        InvalidInput: naming what is wrong.
    """
    from oscilab.bench.tables import validated

    keys = ("devices", device.name, "settings")
    settings = validated(WiredSettings, device.table.settings, device.where, keys)
    potential = device_potential(device)
    wiring = read_wiring(device, potential, channels)
    where = f"{device.where}: devices.{device.name}.limits"
    limits = Limits(device.table.limits or {}, wiring, channels, where)
    design = nominal_calibration(settings, potential, wiring, channels, limits)
    return potential, wiring, design


def device_potential(device: Device) -> Potential:
    """The potential that the whole device is wired for.

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
    """The front end that the device names, not connected.

    Raises:
        InvalidInput: no such front end is installed, or its connection table is wrong.
        OscilabError: its package cannot be used.
    """
    name = device.table.front_end or ""
    try:
        kind = load(GROUP, name)
    except InvalidInput as error:
        raise InvalidInput(f"{device.where}: devices.{device.name}.front_end: {error}") from error
    if not hasattr(kind, "from_bench"):
        raise OscilabError(
            f"the front end {name!r} is {kind!r}, which cannot be opened from a bench file; its "
            "package must be mended"
        )
    return cast(type[BenchFrontEnd], kind).from_bench(device.table.connection or {}, device)


def read_wiring(device: Device, potential: Potential, channels: ChannelTable) -> Wiring:
    """The device's wiring: a CSV file, an inline table, or `{ in_order = true }`.

    Raises:
        InvalidInput: naming the line that is wrong.
    """
    where = f"{device.where}: devices.{device.name}.wiring"
    return wire(_rows(device, potential, channels, where), potential, channels)


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


def _design(wires: Wires) -> Calibration:
    return nominal_calibration(
        wires.settings, wires.potential, wires.wiring, wires.front_end.channels, wires.limits
    )


def _calibration(device: Device, wires: Wires) -> Calibration:
    name = device.table.calibration
    if name is None or device.bench is None:
        return _design(wires)
    path = device.bench.folder / name
    calibration = read_calibration(path)
    calibration.check(wires.wiring, f"calibration {path}")
    return calibration
