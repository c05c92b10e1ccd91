"""A whole calibration: sweeps, faults by name, thermal motion.

Gauge: clamp actuators fix the length and its zero, force sensors the force and its zero, the front
end's clock the time. Their own lines are taken over as they are known, offsets with them;
everything else is measured against them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from oscilab.arrays.description import Capability
from oscilab.calibration.balance import Balance
from oscilab.calibration.drives import LEAST_CROSSTALK, Drives, fit_drives
from oscilab.calibration.fit import MOST_UNKNOWNS, Straight
from oscilab.calibration.neighbours import lines_beside, names_of, next_inputs
from oscilab.calibration.response import Response, measure_response
from oscilab.calibration.sensors import Sensors, fit_sensors
from oscilab.calibration.sweep import Sweep, sweep_lines
from oscilab.calibration.thermal import (
    Thermal,
    is_quick_enough,
    thermal_motion,
)
from oscilab.progress import Progress, Quiet
from oscilab.types import FloatArray
from oscilab.wired.array import WiredArray
from oscilab.wired.calibration import Calibration, DeviceIdentity, Line
from oscilab.wired.units import Units

SETTLED = 7.0
"""Response times after which a thousandth of a step is left."""
BOTH = (
    "outputs and sensors both pick up of their neighbours, which one sweep cannot tell apart: "
    "gains, offsets, kT and mobility may be off by more than their errors say; shield either, then "
    "calibrate again"
)


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
        CannotDo: nothing reads the forces by which drive lines are known.
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    array.description.require(Capability.FORCE_READOUT, purpose="calibrating")
    progress = progress or Quiet()
    lines, wiring, known = array.lines, array.wired.wiring, array.calibration
    rng = np.random.default_rng(seed)
    with progress.task("sweeping", points) as task:
        sweep = sweep_lines(array, points, rng, task.advance)
    names = names_of(array)
    beside = lines_beside(array)
    set_points = lines.clamp_scale.quantity(sweep.clamps)
    count = lines.used.parameters
    # Positions next to each other show what their clamps do, which are taken in as lines.
    other = [
        sweep.sensors[:, [n for n in beside if n >= lines.used.oscillators]]
        for beside in next_inputs(array, wiring.positions)
    ]
    sensors = fit_sensors(
        set_points, sweep.positions, sweep.lines, beside[count:], other, wiring.positions
    )
    faults = list(sensors.faults)
    forces = lines.forces(sweep.forces.T)
    for site, channel in enumerate(wiring.forces):
        if np.ptp(sweep.forces[:, site]) < 1e-9 + 4 * _resolution(array, channel):
            faults.append(f"{channel} (force[{site}]) does not answer: dead or stuck")
            forces[:, site] = np.nan
    with progress.task("fitting", 1) as task:
        drives, mixing, notes = _drives(array, sweep, set_points, forces, sensors, names, beside)
        task.advance()
    faults += [f"{names[p]} is dead" for p in drives.dead]
    faults += [f"{names[p]} is stuck at {volts:.3g} V" for p, volts in drives.stuck.items()]
    faults += [f"{names[p]} and {names[q]} are swapped" for p, q in drives.swapped]
    notes += [
        f"{names[to]} picks up {share:.2%} of {names[source]}"
        for to, source, share in drives.crosstalk
    ]
    if drives.crosstalk and drives.pickups:
        notes.append(BOTH)
    if drives.too_many:
        notes.append(
            "crosstalk of parameter lines and of force sensors was not looked for: its "
            f"{drives.too_many} unknowns are more than the {MOST_UNKNOWNS} that are fitted at "
            "once; gains and offsets may be off by what there is of it"
        )
    calibration = _with_lines(array, known, sensors.lines, drives)
    thermal = None
    if not faults and releases:
        with progress.task("step response", 1) as task:
            better = array.recalibrated(calibration)
            response = measure_response(better)
            notes += _hurried(array, response)
            task.advance()
        calibration = replace(calibration, response_s=response.seconds)
        if is_quick_enough(better, response):
            with progress.task("thermal motion", 1) as task:
                thermal = thermal_motion(better, releases, response, mixing, rng)
                task.advance()
            calibration = _with_thermal(calibration, thermal)
        else:
            notes.append(
                f"lines and sensors take {response.seconds:.2g} s to respond, too long for kT and "
                "mobility to be measured, which stay as they are known; use faster sensors or a "
                "slower array"
            )
    return Result(calibration, faults, notes, sweep, drives, sensors.lines, thermal)


def _drives(
    array: WiredArray,
    sweep: Sweep,
    set_points: FloatArray,
    forces: FloatArray,
    sensors: Sensors,
    names: list[str],
    beside: list[list[int]],
) -> tuple[Drives, FloatArray, list[str]]:
    """The drives' fit, and what clamps or sensors pick up: whichever explains the forces better.

    In between what each sensor shows of every position, `[oscillator, oscillator]`.
    """
    lines = array.lines
    neighbours = next_inputs(array, array.wired.wiring.forces)
    sensed = [sweep.sensors[:, beside] for beside in neighbours]
    balance = Balance(lines.used, sweep.lines, set_points, forces, sensed)
    pairs = [(p, q) for p in range(lines.used.parameters) for q in beside[p]]
    design = lines.parameter_scale.gain
    drives = fit_drives(balance, design, pairs)
    count, mixing = lines.used.parameters, np.eye(lines.used.oscillators)
    if not sensors.crosstalk:
        return drives, mixing, _picked_up(array, drives, neighbours)
    moved = set_points.copy()
    for site, line, share in sensors.crosstalk:
        moved[:, site] += share * sweep.lines[:, line]
    better = fit_drives(balance.at(moved), design, pairs)
    really = better.residual < drives.residual
    channels = array.wired.wiring.positions
    notes: list[str] = []
    for site, line, share in sensors.crosstalk:
        of_volts = share * float(lines.clamp_scale.gain[site])
        clamp, sensor = names[count + site], f"{channels[site]} (position[{site}])"
        if not really and line >= count:
            mixing[site, line - count] += share * float(lines.clamp_scale.gain[line - count])
        if abs(of_volts) > LEAST_CROSSTALK:
            notes.append(f"{clamp if really else sensor} picks up {of_volts:.2%} of {names[line]}")
    chosen = better if really else drives
    return chosen, mixing, notes + _picked_up(array, chosen, neighbours)


def _picked_up(array: WiredArray, drives: Drives, neighbours: list[list[int]]) -> list[str]:
    """What force sensors pick up, in sentences."""
    wiring, gain = array.wired.wiring, array.lines.force_scale.gain
    names = [f"{c} ({wiring.targets[c]})" for c in (*wiring.positions, *wiring.forces)]
    forces = names[len(wiring.positions) :]
    return [
        f"{forces[i]} picks up {value * gain[i]:.2%} of {names[neighbours[i][n]]}"
        for i, n, value in drives.pickups
        if abs(value * gain[i]) > LEAST_CROSSTALK
    ]


def _hurried(array: WiredArray, response: Response) -> list[str]:
    needed = SETTLED * response.seconds
    if array.wired.settings.settle_s >= needed:
        return []
    return [
        f"lines and sensors respond within {response.seconds:.2g} s, but settle_s is "
        f"{array.wired.settings.settle_s:.2g} s; set it to {needed:.2g} s or more, then calibrate "
        "again"
    ]


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
        device=DeviceIdentity(name=array.wired.name, kind=identity.kind, serial=identity.serial),
        nominal=False,
    )


def _with_thermal(calibration: Calibration, thermal: Thermal) -> Calibration:
    units = calibration.units
    return replace(
        calibration,
        units=Units(units.kT * thermal.kT, units.stiffness, units.mobility * thermal.mobility),
        kT_error=units.kT * thermal.kT_error,
        mobility_error=units.mobility * thermal.mobility_error,
    )
