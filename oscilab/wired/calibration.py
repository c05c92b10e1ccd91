"""What the lines of a bench mean: volts = offset + gain * quantity, in SI units.

The gauge says which external references fix the scales. By default the clamps' actuators fix
length and its zero, the force sensors force and its zero, and the front end's clock time. Gains and
offsets of the drive lines and of the position sensors, kT and mobility follow from measurements.
Before anything was measured, design values stand in for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tomlkit
from pydantic import Field

from oscilab.bench.tables import Table, read_toml, validated
from oscilab.errors import InvalidInput
from oscilab.physics.potential import Family, Potential
from oscilab.wired.channels import Channel, ChannelTable
from oscilab.wired.limits import Limits
from oscilab.wired.settings import WiredSettings
from oscilab.wired.wiring import CLAMP, ENABLE, FORCE, POSITION, Wiring, family_of

GAUGE = (
    "clamp actuators fix length and its zero, force sensors fix force and its zero, the front "
    "end's clock fixes time"
)
BOLTZMANN = 1.380649e-23
OLD_AFTER_DAYS = 30.0
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
Error = Annotated[float, Field(allow_inf_nan=False, ge=0)]


@dataclass(frozen=True)
class Units:
    """What 1 means in the core: l = sqrt(kT / k0) in length, tau = 1 / (mu k0) in time.

    `kT` is the bath's in joules, `stiffness` k0 the reference spring in N/m (a choice), `mobility`
    mu in m/(N s).
    """

    kT: float
    stiffness: float
    mobility: float

    @property
    def length(self) -> float:
        """A thermal amplitude of the reference spring, in metres."""
        return float(np.sqrt(self.kT / self.stiffness))

    @property
    def time(self) -> float:
        """A relaxation time of the reference spring, in seconds."""
        return 1 / (self.mobility * self.stiffness)

    @property
    def force(self) -> float:
        """kT per thermal amplitude, in newtons."""
        return self.kT / self.length

    def coefficient(self, degree: int) -> float:
        """Return one unit of a coefficient of that degree, kT / l^degree, in J/m^degree."""
        return self.kT / self.length**degree

    def of_target(self, target: str, potential: Potential) -> float:
        """Return what one unit of the quantity on a wired line is in SI; 1 for a switch."""
        family = family_of(target)
        if family in (CLAMP, POSITION):
            return self.length
        if family == FORCE:
            return self.force
        if family in potential.families:
            return self.coefficient(degree_of(potential.families[family]))
        return 1.0


class Line(Table):
    """One line: `gain` in volts per SI unit, `offset` in volts, and their standard errors.

    `residual` is the root mean square of what the straight line leaves, in volts.
    """

    target: str
    gain: Finite
    offset: Finite = 0.0
    gain_error: Error = 0.0
    offset_error: Error = 0.0
    residual: Error = 0.0


class DeviceIdentity(Table):
    """The device that was calibrated: its name in the bench, kind and serial number."""

    name: str
    kind: str = ""
    serial: str = ""


class UnitsTable(Table):
    """kT in J, the reference stiffness in N/m, the mobility in m/(N s), and standard errors."""

    kT: Positive
    stiffness: Positive
    mobility: Positive
    kT_error: Error = 0.0
    mobility_error: Error = 0.0
    response_s: Error = 0.0


class CalibrationTable(Table):
    """A calibration file."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    date: datetime
    gauge: str
    device: DeviceIdentity
    units: UnitsTable
    lines: dict[str, Line]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Units, and lines by channel.

    `nominal` marks design values, with an empty `sha256`. `response_s` is the slowest response
    time of actuators, sensors and release.
    """

    units: Units
    lines: Mapping[str, Line]
    date: datetime = field(default_factory=lambda: datetime.now(UTC))
    device: DeviceIdentity = field(default_factory=lambda: DeviceIdentity(name=""))
    gauge: str = GAUGE
    kT_error: float = 0.0
    mobility_error: float = 0.0
    response_s: float = 0.0
    nominal: bool = False
    sha256: str = ""

    def check(self, wiring: Wiring, where: str) -> None:
        """Refuse a calibration that does not fit the wiring.

        Raises:
            InvalidInput: a line that is missing, has no gain, or was wired otherwise.
        """
        for channel, target in wiring.targets.items():
            if target.startswith("clamp_enable"):
                continue
            line = self.lines.get(channel)
            if line is None or line.target != target or line.gain == 0:
                found = (
                    "is missing" if line is None
                    else "has gain 0" if line.gain == 0
                    else f"was calibrated as {line.target}"
                )  # fmt: skip
                raise InvalidInput(
                    f"{where}: line {channel}, which is wired to {target}, {found}; run "
                    "`oscilab calibrate` again"
                )

    def concerns(self, device: str, identity_serial: str, now: datetime | None = None) -> list[str]:
        """Return what an operator should know before trusting it: its age, another device.

        `device` is its name in the bench; `identity_serial` is empty while nothing is connected.
        """
        if self.nominal:
            return ["no calibration: nominal gains are assumed; run `oscilab calibrate`"]
        found: list[str] = []
        age = ((now or datetime.now(UTC)) - self.date).total_seconds() / 86400
        if age > OLD_AFTER_DAYS:
            found.append(f"the calibration is {age:.0f} days old; run `oscilab calibrate` again")
        if self.device.name and self.device.name != device:
            found.append(
                f"the calibration was made of device {self.device.name}, not of {device}; run "
                "`oscilab calibrate` again"
            )
        if identity_serial and self.device.serial and identity_serial != self.device.serial:
            found.append(
                f"the calibration is of device {self.device.serial}, not of {identity_serial}; "
                "run `oscilab calibrate` again"
            )
        return found


def read_calibration(path: Path) -> Calibration:
    """Return the calibration in a TOML file.

    Raises:
        InvalidInput: it cannot be read or does not fit the schema.
    """
    file = read_toml(path, "calibration")
    table = validated(CalibrationTable, file.values, f"calibration {path}")
    units = table.units
    date = table.date if table.date.tzinfo else table.date.replace(tzinfo=UTC)
    return Calibration(
        units=Units(units.kT, units.stiffness, units.mobility),
        lines=table.lines,
        date=date,
        device=table.device,
        gauge=table.gauge,
        kT_error=units.kT_error,
        mobility_error=units.mobility_error,
        response_s=units.response_s,
        sha256=file.sha256,
    )


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration file, whole or not at all.

    Raises:
        InvalidInput: the file cannot be written.
    """
    lines = {channel: _inline(line.model_dump()) for channel, line in calibration.lines.items()}
    table: dict[str, Any] = {
        "schema": 1,
        "date": calibration.date.replace(microsecond=0),
        "gauge": calibration.gauge,
        "device": calibration.device.model_dump(),
        "units": {
            "kT": calibration.units.kT,
            "stiffness": calibration.units.stiffness,
            "mobility": calibration.units.mobility,
            "kT_error": calibration.kT_error,
            "mobility_error": calibration.mobility_error,
            "response_s": calibration.response_s,
        },
        "lines": lines,
    }
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(tomlkit.dumps(table), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InvalidInput(
            f"calibration {path} cannot be written: {error.strerror or error}; choose another file"
        ) from error


def _inline(values: Mapping[str, Any]) -> Any:
    table = tomlkit.inline_table()
    for key, value in values.items():
        table.append(key, value)
    return table


def degree_of(family: Family) -> int:
    """Return the degree of a term's energy in positions.

    Raises:
        InvalidInput: the term is not homogeneous, so its coefficient has no unit.
    """
    if family.term.degree is not None:
        return family.term.degree
    raise InvalidInput(
        f"term {family.name} has no single degree, so that its drive line has no unit; wire "
        "terms that are homogeneous polynomials"
    )


def nominal_calibration(
    settings: WiredSettings,
    potential: Potential,
    wiring: Wiring,
    channels: ChannelTable,
    limits: Limits,
) -> Calibration:
    """Return the design values: every line without offset, full scale in volts for full scale of
    its quantity.

    Force sensors read the clamp's reaction, so that their gain is negative.

    Raises:
        InvalidInput: limits that leave a quantity no volts on a side of zero that it needs, or
            design values whose gain is not a number.
    """
    units = nominal_units(settings)
    lines: dict[str, Line] = {}
    for channel, target in wiring.targets.items():
        family = family_of(target)
        if family == ENABLE:
            continue
        if family in (POSITION, FORCE):
            volts = _full_scale(channels.input(channel))
        else:
            number = channels.output_numbers[channel]
            volts = _drive_scale(family, potential, settings, limits, number)
        gain = volts / _span(family, potential, settings) / units.of_target(target, potential)
        if not 0 < gain < np.inf:
            raise InvalidInput(
                f"{channel}, which is wired to {target}, has no design gain: the volts that it "
                "may take must reach beyond zero on each side that its range does, and no further "
                "than numbers do; change its limits, or its range"
            )
        lines[channel] = Line(target=target, gain=-gain if family == FORCE else gain)
    return Calibration(units=units, lines=lines, nominal=True)


def nominal_units(settings: WiredSettings) -> Units:
    """Return the units of the design values."""
    kT = BOLTZMANN * settings.temperature_K
    stiffness = kT / settings.length_m**2
    return Units(kT, stiffness, 1 / (settings.time_s * stiffness))


def _family_range(
    family: str, potential: Potential, settings: WiredSettings
) -> tuple[float, float]:
    default = potential.family(family).term.default_range
    low, high = settings.ranges.get(family, default)
    # A range of nothing but zero says that a line is not used, and nothing of its scale.
    return (low, high) if low or high else default


def _span(family: str, potential: Potential, settings: WiredSettings) -> float:
    if family == POSITION:
        return settings.position_span
    if family == FORCE:
        return settings.force_span
    if family == CLAMP:
        return settings.clamp
    return max(map(abs, _family_range(family, potential, settings)))


def _drive_scale(
    family: str, potential: Potential, settings: WiredSettings, limits: Limits, number: int
) -> float:
    # The largest volts that both ends of the quantity's range can use.
    low, high = limits.lower[number], limits.upper[number]
    if family == CLAMP:
        return float(min(-low, high))
    bottom, top = _family_range(family, potential, settings)
    scale = max(abs(bottom), abs(top))
    rooms: list[float] = []
    if top > 0:
        rooms.append(high * scale / top)
    if bottom < 0:
        rooms.append(-low * scale / -bottom)
    return float(np.min(rooms))


def _full_scale(channel: Channel) -> float:
    return min(-channel.lower, channel.upper)
