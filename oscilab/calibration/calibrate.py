"""A whole calibration: sweep, lines, response, thermal motion.

Gauge: clamp actuators fix the length and its zero, force sensors the force and its zero, the front
end's clock the time. Their own lines are taken as they are known, offsets with them; everything
else is measured against them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from oscilab.arrays.description import Capability
from oscilab.calibration.constants import (
    Response,
    Thermal,
    is_quick_enough,
    measure_response,
    thermal_motion,
)
from oscilab.calibration.lines import FittedLines, fit_lines
from oscilab.calibration.sweep import sweep_lines
from oscilab.progress import Progress, Quiet
from oscilab.wired.array import WiredArray
from oscilab.wired.calibration import Calibration, DeviceIdentity, Line, Units

SETTLED = 7.0
"""Response times after which a thousandth of a step is left."""


@dataclass(frozen=True, eq=False)
class Result:
    """A calibration, and in sentences what is broken (`faults`) or less than ideal (`notes`).

    `thermal` and the units of `calibration` are measured only where no line is broken.
    """

    calibration: Calibration
    faults: list[str]
    notes: list[str]
    thermal: Thermal | None


def calibrate(
    array: WiredArray,
    *,
    points: int = 2000,
    releases: int = 20_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Measure every line of `array`, which must drive its device's whole potential.

    Where `releases` is 0, kT and mobility are left as they are known.

    Raises:
        CannotDo: the device has no force sensors, by which drive lines are known.
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    array.description.require(Capability.FORCE_READOUT, purpose="calibrating")
    progress = progress or Quiet()
    rng = np.random.default_rng(seed)
    with progress.task("sweeping", points) as task:
        sweep = sweep_lines(array, points, rng, task.advance)
    with progress.task("fitting", 1) as task:
        lines = fit_lines(array, sweep)
        task.advance()
    notes, thermal = list(lines.notes), None
    calibration = _with_lines(array, lines)
    if not lines.faults and releases:
        with progress.task("step response", 1) as task:
            better = array.recalibrated(calibration)
            response = measure_response(better)
            notes += _hurried(array, response)
            task.advance()
        calibration = replace(calibration, response_s=response.seconds)
        if is_quick_enough(better, response):
            with progress.task("thermal motion", 1) as task:
                thermal = thermal_motion(better, releases, response, lines.mixing, rng)
                task.advance()
            calibration = _with_thermal(calibration, thermal)
        else:
            notes.append(
                f"lines and sensors take {response.seconds:.2g} s to respond, too long for kT and "
                "mobility to be measured, which stay as they are known; use faster sensors or a "
                "slower array"
            )
    return Result(calibration, lines.faults, notes, thermal)


def _hurried(array: WiredArray, response: Response) -> list[str]:
    """Return a sentence on a `settle_s` that is too short, if it is."""
    needed = SETTLED * response.seconds
    if array.wired.settings.settle_s >= needed:
        return []
    return [
        f"lines and sensors respond within {response.seconds:.2g} s, but settle_s is "
        f"{array.wired.settings.settle_s:.2g} s; set it to {needed:.2g} s or more, then calibrate "
        "again"
    ]


def _with_lines(array: WiredArray, fitted: FittedLines) -> Calibration:
    """Return the array's calibration with the lines that were fitted, in SI units."""
    wiring, potential, known = array.wired.wiring, array.lines.used, array.calibration
    lines = dict(known.lines)
    measured = {wiring.positions[site]: fit for site, fit in fitted.sensors.items()}
    measured |= {wiring.parameters[potential.names[p]]: fit for p, fit in fitted.drives.items()}
    for channel, fit in measured.items():
        unit = known.units.of_target(lines[channel].target, potential)
        lines[channel] = Line(
            target=lines[channel].target,
            gain=fit.gain / unit,
            offset=fit.offset,
            gain_error=fit.gain_error / unit,
            offset_error=fit.offset_error,
            residual=fit.residual,
        )
    identity = array.description.identity
    return replace(
        known,
        lines=lines,
        date=datetime.now(UTC),
        device=DeviceIdentity(name=array.wired.name, kind=identity.kind, serial=identity.serial),
        nominal=False,
    )


def _with_thermal(calibration: Calibration, thermal: Thermal) -> Calibration:
    """Return `calibration` with kT and mobility in SI units."""
    units = calibration.units
    return replace(
        calibration,
        units=Units(units.kT * thermal.kT, units.stiffness, units.mobility * thermal.mobility),
        kT_error=units.kT * thermal.kT_error,
        mobility_error=units.mobility * thermal.mobility_error,
    )
