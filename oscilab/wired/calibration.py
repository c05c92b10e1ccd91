"""What the lines of a bench mean: volts = offset + gain * quantity, in SI units.

The gauge says which external references the scales hang on. By default the clamps' actuators fix
the length and its zero, the force sensors force and its zero, and the front end's clock the time;
gains and offsets of the drive lines and of the position sensors, kT and mobility follow from
measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import Field

from oscilab.bench.tables import Table, read_toml, validated
from oscilab.errors import InvalidInput
from oscilab.wired.units import Units
from oscilab.wired.wiring import Wiring

GAUGE = (
    "clamp actuators fix length and its zero, force sensors fix force and its zero, the front "
    "end's clock fixes time"
)
OLD_AFTER_DAYS = 30.0
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
Error = Annotated[float, Field(allow_inf_nan=False, ge=0)]


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
    """The device that was calibrated: its name in the bench, and what it says that it is."""

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
    """Units and lines by channel; `nominal` where nobody measured, with `sha256` empty.

    `response_s` is the slowest of actuators, sensors and release.
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
        """What an operator should know before trusting it: its age, another device.

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
    """The calibration in a TOML file.

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
