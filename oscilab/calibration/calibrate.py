"""A whole calibration: sweeps, faults by name, thermal motion.

Gauge: clamp actuators fix the length, force sensors the force, the front end's clock the time.
Their own lines are taken over as they are known; everything else is measured against them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from oscilab.calibration.drives import Drives, fit_drives
from oscilab.calibration.fit import Straight, straight_line
from oscilab.calibration.sweep import Sweep, sweep_lines
from oscilab.calibration.thermal import Thermal, spring_constant, thermal_motion
from oscilab.progress import Progress, Quiet
from oscilab.wired.array import WiredArray
from oscilab.wired.calibration import Calibration, DeviceIdentity, Line
from oscilab.wired.units import Units

Array = NDArray[np.floating]
SAME = 0.9
"""Correlation from which on a sensor follows a clamp."""


@dataclass(frozen=True, eq=False)
class Result:
    """A calibration, what is wrong with the device in sentences, and the sweep that it rests on.

    `thermal` and the units of `calibration` are measured only where no line is broken.
    """

    calibration: Calibration
    faults: list[str]
    notes: list[str]
    sweep: Sweep
    drives: Drives
    sensors: dict[int, Straight]
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

    Without `releases`, kT and mobility are left as they are known.

    Raises:
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    progress = progress or Quiet()
    lines, wiring, known = array.lines, array.wired.wiring, array.calibration
    rng = np.random.default_rng(seed)
    with progress.task("sweeping", 1) as task:
        sweep = sweep_lines(array, points, rng)
        task.advance()
    metres = lines.clamp_scale.quantity(sweep.clamps)
    sensors, faults = _sensors(metres, sweep, wiring.positions)
    forces = lines.forces(sweep.forces.T)
    for site, channel in enumerate(wiring.forces):
        if np.ptp(sweep.forces[:, site]) < 1e-9 + 4 * _resolution(array, channel):
            faults.append(f"{channel} (force[{site}]) does not answer: dead or stuck")
            forces[:, site] = np.nan
    drives = fit_drives(lines.used, sweep, metres, forces, lines.parameter_scale.gain)
    names = [f"{wiring.parameters[name]} ({name})" for name in lines.used.names]
    faults += [f"{names[p]} is dead" for p in drives.dead]
    faults += [f"{names[p]} is stuck at {volts:.3g} V" for p, volts in drives.stuck.items()]
    faults += [f"{names[p]} and {names[q]} are swapped" for p, q in drives.swapped]
    notes = [
        f"{names[to]} picks up {share:.2%} of {names[source]}"
        for source, to, share in drives.crosstalk
    ]
    calibration = _with_lines(array, known, sensors, drives)
    thermal = None
    if not faults and releases:
        with progress.task("thermal motion", 1) as task:
            better = array.recalibrated(calibration)
            thermal = thermal_motion(better, releases, _stiffness_error(better, drives))
            task.advance()
        calibration = _with_thermal(calibration, thermal)
    return Result(calibration, faults, notes, sweep, drives, sensors, thermal)


def _sensors(
    metres: Array, sweep: Sweep, channels: tuple[str, ...]
) -> tuple[dict[int, Straight], list[str]]:
    """Position sensors by the clamp that each follows."""
    faults: list[str] = []
    sensors: dict[int, Straight] = {}
    centred = metres - metres.mean(axis=0)
    follows: dict[int, int] = {}
    for site, channel in enumerate(channels):
        volts = sweep.positions[:, site] - sweep.positions[:, site].mean()
        power = np.sqrt((volts @ volts) * np.einsum("pi,pi->i", centred, centred))
        share = np.abs(volts @ centred) / np.maximum(power, np.finfo(float).tiny)
        best = int(np.argmax(share))
        if share[best] < SAME:
            level = float(sweep.positions[:, site].mean())
            what = f"is stuck at {level:.3g} V" if abs(level) > 0.05 else "is dead"
            faults.append(f"{channel} (position[{site}]) {what}")
            continue
        follows[site] = best
        sensors[site] = straight_line(metres[:, best], sweep.positions[:, site])
    for site, best in follows.items():
        if best > site and follows.get(best) == site:
            faults.append(
                f"{channels[site]} (position[{site}]) and {channels[best]} (position[{best}]) are "
                "swapped"
            )
        elif best != site and follows.get(best) != site:
            faults.append(f"{channels[site]} (position[{site}]) follows clamp[{best}]")
    return sensors, faults


def _resolution(array: WiredArray, channel: str) -> float:
    return array.wired.front_end.channels.input(channel).resolution


def _with_lines(
    array: WiredArray, known: Calibration, sensors: dict[int, Straight], drives: Drives
) -> Calibration:
    wiring, potential = array.wired.wiring, array.lines.used
    lines = dict(known.lines)
    measured = {wiring.positions[site]: fit for site, fit in sensors.items()}
    measured |= {wiring.parameters[potential.names[p]]: fit for p, fit in drives.lines.items()}
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
        device=DeviceIdentity(name=identity.name, kind=identity.kind, serial=identity.serial),
        nominal=False,
    )


def _stiffness_error(array: WiredArray, drives: Drives) -> float:
    """Relative standard error of the springs in which oscillators move, their mean."""
    k = spring_constant(array)
    family = array.lines.used.family("stiffness")
    fits = [drives.lines[p] for p in range(family.where.start, family.where.stop)]
    errors = [np.hypot(fit.gain_error, fit.offset_error / k) / abs(fit.gain) for fit in fits]
    return float(np.sqrt(np.mean(np.square(errors)) / len(errors)))


def _with_thermal(calibration: Calibration, thermal: Thermal) -> Calibration:
    units = calibration.units
    return replace(
        calibration,
        units=Units(units.kT * thermal.kT, units.stiffness, units.mobility * thermal.mobility),
        kT_error=units.kT * thermal.kT_error,
        mobility_error=units.mobility * thermal.mobility_error,
    )
