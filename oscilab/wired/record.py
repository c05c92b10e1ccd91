"""A wired array's lines and calibration, as run files keep them."""

from __future__ import annotations

from oscilab.arrays.record import DeviceRecord, LineRecord
from oscilab.wired.calibration import Calibration
from oscilab.wired.channels import Channel
from oscilab.wired.opening import Wired
from oscilab.wired.scales import Scale
from oscilab.wired.wiring import ENABLE, family_of


def device_record(wired: Wired) -> DeviceRecord:
    """Every wired line, in the wiring's order."""
    lines = [_line(wired, name, target) for name, target in wired.wiring.targets.items()]
    return DeviceRecord(tuple(lines), wired.settings.average, _constants(wired.calibration))


def _line(wired: Wired, name: str, target: str) -> LineRecord:
    table = wired.front_end.channels
    channel = table.output(name) if name in table.output_numbers else table.input(name)
    if family_of(target) == ENABLE:
        return _record(channel, target)
    scale = Scale.of([name], wired.calibration, wired.potential)
    line = wired.calibration.lines[name]
    # Errors come in volts per SI unit, as the calibration's gains do.
    unit = float(scale.gain[0]) / line.gain
    return _record(
        channel,
        target,
        gain=float(scale.gain[0]),
        offset=line.offset,
        gain_error=line.gain_error * abs(unit),
        offset_error=line.offset_error,
        residual=line.residual,
    )


def _record(channel: Channel, target: str, **values: float) -> LineRecord:
    return LineRecord(
        channel.name,
        target,
        lower=channel.lower,
        upper=channel.upper,
        resolution=channel.resolution,
        **values,
    )


def _constants(calibration: Calibration) -> dict[str, float]:
    units = calibration.units
    return {
        "date": calibration.date.timestamp(),
        "nominal": float(calibration.nominal),
        "kT": units.kT,
        "kT_error": calibration.kT_error,
        "stiffness": units.stiffness,
        "mobility": units.mobility,
        "mobility_error": calibration.mobility_error,
        "response_s": calibration.response_s,
    }
