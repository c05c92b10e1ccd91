"""Gains and offsets of all lines from one sweep, and what is broken, by name.

Clamps say where each oscillator is, and force sensors what it feels; both are taken as they are
known. Position sensors are fitted by the clamps that they follow. Drive lines are fitted by the
forces that they make: with theta_p = a_p V_p + b_p, the force on a clamped oscillator i is
-sum_p (a_p V_p + b_p) d_i u_p(x), linear in the unknown a and b, of which only those matter that
have an end at i. Crosstalk is fitted along, so that it does not pass for a gain or an offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from oscilab.calibration.fit import (
    MOST_UNKNOWNS,
    Block,
    Fit,
    Straight,
    blockwise_least_squares,
    inverted,
    least_squares,
)
from oscilab.calibration.sweep import Layout, Sweep
from oscilab.physics import Potential
from oscilab.physics.potential import Family
from oscilab.types import FloatArray
from oscilab.wired.array import WiredArray

SIGNIFICANT = 6.0
"""Standard errors from which on a response is one: 2e-9 for normal noise."""
LEAST_CROSSTALK = 1e-4
"""Share of a line's own response below which crosstalk is not reported."""
SAME = 0.9
"""Correlation from which on a sensor follows a clamp."""
STUCK_V = 0.05
"""A line that stays within this of zero volts, whatever is done, is dead and not stuck."""
WEAK = 0.5
"""A line that answers less than this share of what was designed does not answer."""
MOST_SILENT = 40
"""Silent lines up to which swapped ones are looked for; more have another cause."""
BOTH = (
    "outputs and sensors both pick up of their neighbours, which one sweep cannot tell apart: "
    "gains, offsets, kT and mobility may be off by more than their errors say; shield either, then "
    "calibrate again"
)

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class FittedLines:
    """What one sweep says of every line.

    `drives` are the fits by parameter number and `sensors` those of position sensors by
    oscillator, of lines in order. `faults` are broken lines in sentences, `notes` crosstalk.
    `mixing` `[oscillator, oscillator]` is what each position sensor shows of every position.
    """

    drives: dict[int, Straight]
    sensors: dict[int, Straight]
    faults: list[str]
    notes: list[str]
    mixing: FloatArray


def fit_lines(array: WiredArray, sweep: Sweep) -> FittedLines:
    """Fit every line of `array` to `sweep`, and name what is broken.

    What position sensors show of other lines is put down to their clamps, which then move the
    oscillators, or to the sensors: to whichever explains the forces better.

    Raises:
        InvalidInput: too many lines, or too few points.
    """
    layout, scale = Layout.of(array), array.lines.clamp_scale
    parameters, sites = array.lines.used.parameters, array.lines.used.oscillators
    set_points = scale.quantity(sweep.clamps)
    sensors = fit_sensors(sweep, layout, set_points)
    forces, silent = _forces(array, sweep, layout)
    sensed = [sweep.sensors[:, beside] for beside in layout.beside_sensor[sites:]]
    balance = Balance(array.lines.used, sweep.lines, set_points, forces, sensed)
    design = array.lines.parameter_scale.gain
    beside = [(p, q) for p in range(parameters) for q in layout.beside_output[p]]
    drives = fit_drives(balance, design, beside)
    mixing, notes = np.eye(sites), list[str]()
    if sensors.crosstalk:
        moved = set_points.copy()
        for site, line, share in sensors.crosstalk:
            moved[:, site] += share * sweep.lines[:, line]
        better = fit_drives(balance.at(moved), design, beside)
        by_clamps = better.residual < drives.residual
        drives = better if by_clamps else drives
        for site, line, share in sensors.crosstalk:
            if not by_clamps and line >= parameters:
                mixing[site, line - parameters] += share * float(scale.gain[line - parameters])
            of_volts = share * float(scale.gain[site])
            to = layout.outputs[parameters + site] if by_clamps else layout.sensors[site]
            if abs(of_volts) > LEAST_CROSSTALK:
                notes.append(f"{to} picks up {of_volts:.2%} of {layout.outputs[line]}")
    for site, neighbour, slope in drives.pickups:
        of_volts = slope * float(array.lines.force_scale.gain[site])
        source = layout.sensors[layout.beside_sensor[sites + site][neighbour]]
        if abs(of_volts) > LEAST_CROSSTALK:
            notes.append(f"{layout.sensors[sites + site]} picks up {of_volts:.2%} of {source}")
    return FittedLines(
        drives.lines,
        sensors.lines,
        [*sensors.faults, *silent, *drives.faults(layout)],
        [*notes, *drives.notes(layout)],
        mixing,
    )


def _forces(array: WiredArray, sweep: Sweep, layout: Layout) -> tuple[FloatArray, list[str]]:
    """Return the forces `[point, oscillator]`, NaN where the sensor is broken, and these faults."""
    forces, faults = array.lines.forces(sweep.forces.T), list[str]()
    for site, channel in enumerate(array.wired.wiring.forces):
        resolution = array.wired.front_end.channels.input(channel).resolution
        if np.ptp(sweep.forces[:, site]) < 1e-9 + 4 * resolution:
            name = layout.sensors[array.lines.used.oscillators + site]
            faults.append(f"{name} does not answer: dead or stuck")
            forces[:, site] = np.nan
    return forces, faults


# Position sensors, by the clamps that they follow.


@dataclass(frozen=True, eq=False)
class Sensors:
    """`lines` by oscillator, of sensors in order, and faults in sentences.

    `crosstalk` are (oscillator, line, share): its position follows `line` by that share of its own
    clamp's volts, whether its clamp does or its sensor only seems to.
    """

    lines: dict[int, Straight]
    faults: list[str]
    crosstalk: list[tuple[int, int, float]]


def fit_sensors(sweep: Sweep, layout: Layout, set_points: FloatArray) -> Sensors:
    """Fit the position sensors' volts by `set_points` `[point, oscillator]` of the clamps, and by
    the volts of what is adjacent to either.
    """
    found = Sensors({}, [], [])
    follows: dict[int, int] = {}
    parameters: int = sweep.drives.shape[1]
    sites: int = set_points.shape[1]
    centred = set_points - set_points.mean(axis=0)
    for site, name in enumerate(layout.sensors[:sites]):
        volts = sweep.positions[:, site]
        shown = volts - volts.mean()
        power = np.sqrt((shown @ shown) * np.einsum("pi,pi->i", centred, centred))
        correlation = np.abs(shown @ centred) / np.maximum(power, np.finfo(float).tiny)
        best = int(np.argmax(correlation))
        if correlation[best] < SAME:
            level = float(volts.mean())
            what = f"is stuck at {level:.3g} V" if abs(level) > STUCK_V else "is dead"
            found.faults.append(f"{name} {what}")
            continue
        follows[site] = best
        lines = layout.beside_output[parameters + best]
        # Adjacent position sensors show what their clamps do, which are among the lines.
        forces = [sensor for sensor in layout.beside_sensor[site] if sensor >= sites]
        others = np.column_stack([sweep.lines[:, lines], sweep.sensors[:, forces]])
        line, shares = _sensor_line(set_points[:, best], others, volts)
        # What the neighbour's reading has of this one comes back with it, to second order.
        back = sum((value * line.gain) ** 2 for value in shares[len(lines) :])
        error = float(np.hypot(line.gain_error, abs(line.gain) * back))
        found.lines[site] = replace(line, gain_error=error)
        if best == site:
            picked = zip(lines, shares[: len(lines)], strict=True)
            found.crosstalk.extend((site, other, share) for other, share in picked if share)
    for site, line, share in found.crosstalk:
        other = found.lines.get(line - parameters) if line >= parameters else None
        if other is not None:
            # A neighbour that is picked up brings its own offset along, if a sensor is.
            of_clamp = np.std(sweep.lines[:, line]) / np.std(set_points[:, line - parameters])
            brought = share * found.lines[site].gain * of_clamp / other.gain * other.offset
            error = float(np.hypot(found.lines[site].offset_error, brought))
            found.lines[site] = replace(found.lines[site], offset_error=error)
    for site, best in follows.items():
        if best > site and follows.get(best) == site:
            found.faults.append(f"{layout.sensors[site]} and {layout.sensors[best]} are swapped")
        elif best != site and follows.get(best) != site:
            found.faults.append(f"{layout.sensors[site]} follows clamp[{best}]")
    return found


def _sensor_line(
    set_points: FloatArray, others: FloatArray, volts: FloatArray
) -> tuple[Straight, list[float]]:
    """Return the line of `volts` over `set_points`, and for each of `others` `[point, other]` the
    position a volt that it adds, or 0 where that is not significant.
    """
    ones = np.ones_like(set_points)
    fit = least_squares(np.column_stack([set_points, ones, others]), volts)
    certain = np.abs(fit.values[2:]) > SIGNIFICANT * fit.errors[2:]
    shares = [
        float(value / fit.values[0]) if sure else 0.0
        for value, sure in zip(fit.values[2:], certain, strict=True)
    ]
    if not certain.any():
        # Unknowns that are not needed would cost certainty of the others.
        fit = least_squares(np.column_stack([set_points, ones]), volts)
    return fit.straight(), shares


# Drive lines, by the forces that they make.


@dataclass(frozen=True)
class _End:
    parameter: int
    family: Family
    instance: int
    end: int


@dataclass(frozen=True, eq=False)
class Balance:
    """The balance of forces on clamped oscillators, as a linear fit.

    `volts` `[point, line]` are those of all lines, the parameters' first; `positions` and `forces`
    `[point, oscillator]` are in core units. An oscillator whose force sensor is broken has NaN for
    its forces, and does not count. `sensed[i]` are the volts `[point, neighbour]` of the inputs
    adjacent to force sensor i.
    """

    potential: Potential
    volts: FloatArray
    positions: FloatArray
    forces: FloatArray
    sensed: Sequence[FloatArray]

    def at(self, positions: FloatArray) -> Balance:
        """Return the same balance with the oscillators at other `positions`."""
        return replace(self, positions=positions)

    @cached_property
    def seen(self) -> list[int]:
        """Oscillators whose forces are known."""
        return [i for i, force in enumerate(self.forces.T) if np.isfinite(force).all()]

    @cached_property
    def judged(self) -> list[int]:
        """Parameters with an end that is seen: nothing can be said of the others."""
        return sorted({end.parameter for i in self.seen for end in self._ends[i]})

    @cached_property
    def pickups(self) -> list[Pair]:
        """(oscillator, neighbour) of all that force sensors could pick up."""
        return [(i, n) for i in self.seen for n in range(self.sensed[i].shape[1])]

    def fit(self, pairs: list[Pair], *, pickups: bool = False) -> Fit:
        """Fit the slope of each (parameter, line) of `pairs`, then each parameter's constant, then
        the force a volt of `pickups`, if these are wanted.

        Raises:
            InvalidInput: too many unknowns, or too few points.
        """
        lines: dict[int, list[Pair]] = {}
        for column, (parameter, line) in enumerate(pairs):
            lines.setdefault(parameter, []).append((column, line))
        known = len(pairs) + self.potential.parameters
        first = known if pickups else None
        unknowns = known + (len(self.pickups) if pickups else 0)
        return blockwise_least_squares(lambda: self._blocks(lines, len(pairs), first), unknowns)

    def _blocks(
        self, lines: dict[int, list[Pair]], constants: int, pickups: int | None
    ) -> Iterator[Block]:
        ones = np.ones(len(self.volts))
        taken = pickups or 0
        for oscillator in self.seen:
            columns: list[int] = []
            parts: list[FloatArray] = []
            for end in self._ends[oscillator]:
                x = [self.positions[:, i] for i in end.family.ends[end.instance].tolist()]
                slope: FloatArray = -np.asarray(end.family.term.slope(end.end, *x), np.float64)
                for column, line in lines.get(end.parameter, []):
                    columns.append(column)
                    parts.append(slope * self.volts[:, line])
                columns.append(constants + end.parameter)
                parts.append(slope * ones)
            if pickups is not None:
                sensed = self.sensed[oscillator].T
                columns.extend(range(taken, taken + len(sensed)))
                parts.extend(sensed)
                taken += len(sensed)
            yield Block(
                np.array(columns, np.intp), np.stack(parts, axis=1), self.forces[:, oscillator]
            )

    @cached_property
    def _ends(self) -> list[list[_End]]:
        """What pulls at each oscillator."""
        found: list[list[_End]] = [list[_End]() for _ in range(self.potential.oscillators)]
        for family in self.potential.families.values():
            every: list[list[int]] = family.ends.tolist()
            for instance, ends in enumerate(every):
                for end, oscillator in enumerate(ends):
                    parameter = family.where.start + instance
                    found[oscillator].append(_End(parameter, family, instance, end))
        return found


@dataclass(frozen=True, eq=False)
class Drives:
    """`lines` by parameter number, of those in order; faults by parameter number.

    `swapped` are pairs, `crosstalk` (parameter, line, share of that line's volts), `pickups`
    (oscillator, neighbour, force a volt) what force sensors pick up of the inputs beside them.
    Neither is looked for where that takes `too_many` unknowns, which is 0 otherwise.
    """

    lines: dict[int, Straight]
    dead: list[int]
    stuck: dict[int, float]
    swapped: list[Pair]
    crosstalk: list[tuple[int, int, float]]
    pickups: list[tuple[int, int, float]]
    too_many: int
    residual: float

    def faults(self, layout: Layout) -> list[str]:
        """Return what is broken, in sentences."""
        names = layout.outputs
        return [
            *(f"{names[p]} is dead" for p in self.dead),
            *(f"{names[p]} is stuck at {volts:.3g} V" for p, volts in self.stuck.items()),
            *(f"{names[p]} and {names[q]} are swapped" for p, q in self.swapped),
        ]

    def notes(self, layout: Layout) -> list[str]:
        """Return what lines pick up of each other, in sentences, and what could not be told."""
        names = layout.outputs
        notes = [f"{names[p]} picks up {share:.2%} of {names[q]}" for p, q, share in self.crosstalk]
        if self.crosstalk and self.pickups:
            notes.append(BOTH)
        if self.too_many:
            notes.append(
                "crosstalk of parameter lines and of force sensors was not looked for: its "
                f"{self.too_many} unknowns are more than the {MOST_UNKNOWNS} that are fitted at "
                "once; gains and offsets may be off by what there is of it"
            )
        return notes


def fit_drives(balance: Balance, design: FloatArray, beside: Sequence[Pair]) -> Drives:
    """Fit the drive lines; `design` `[parameter]` are the gains that were meant, in volts a core
    unit.

    `beside` are the (parameter, line) between which crosstalk is looked for.

    Raises:
        InvalidInput: too many lines, or too few points.
    """
    count = balance.potential.parameters
    own = [(p, p) for p in range(count)]
    fit = balance.fit(own)
    silent = _silent(fit, balance, design)
    swapped = _swapped(balance, design, own, silent)
    # Swapped lines spoil the fit of all that share their oscillators: fit them as they are wired.
    if swapped:
        partner = {**dict(swapped), **{q: p for p, q in swapped}}
        fit = balance.fit([(p, partner.get(p, p)) for p in range(count)])
        silent = _silent(fit, balance, design)
    crosstalk: list[tuple[int, int, float]] = []
    pickups: list[tuple[int, int, float]] = []
    constants = len(own)
    unknowns = len(own) + len(beside) + count + len(balance.pickups)
    too_many = unknowns if unknowns > MOST_UNKNOWNS else 0
    if not silent and not swapped and not too_many:
        # Whatever is picked up has a mean, which would pass for an offset.
        constants += len(beside)
        fit = balance.fit([*own, *beside], pickups=True)
        crosstalk = [
            (parameter, line, share)
            for parameter, line, slope in _significant(fit, beside, len(own))
            if abs(share := slope / float(fit.values[parameter])) > LEAST_CROSSTALK
        ]
        pickups = _significant(fit, balance.pickups, constants + count)
    lines: dict[int, Straight] = {}
    dead: list[int] = []
    stuck: dict[int, float] = {}
    for p in balance.judged:
        slope, constant = float(fit.values[p]), float(fit.values[constants + p])
        covariance = fit.covariance[np.ix_([p, constants + p], [p, constants + p])]
        if p not in silent:
            lines[p] = inverted(slope, constant, covariance)
            continue
        volts = constant * design[p]
        if abs(constant) > SIGNIFICANT * np.sqrt(covariance[1, 1]) and abs(volts) > STUCK_V:
            stuck[p] = volts
        else:
            dead.append(p)
    return Drives(lines, dead, stuck, swapped, crosstalk, pickups, too_many, fit.residual)


def _silent(fit: Fit, balance: Balance, design: FloatArray) -> list[int]:
    """Return the parameters whose lines do not answer as they should."""
    count = len(design)
    answer, error = fit.values[:count] * design, np.abs(fit.errors[:count] * design)
    return [p for p in balance.judged if answer[p] < WEAK or answer[p] < SIGNIFICANT * error[p]]


def _swapped(
    balance: Balance, design: FloatArray, own: list[Pair], silent: list[int]
) -> list[Pair]:
    if not 1 < len(silent) <= MOST_SILENT:
        return []
    crossed = [(p, q) for p in silent for q in silent if p != q]
    fit = balance.fit(own + crossed)
    strong = {
        (p, q) for column, (p, q) in enumerate(crossed, len(own))
        if fit.values[column] * design[p] > WEAK
    }  # fmt: skip
    return [(p, q) for p, q in sorted(strong) if p < q and (q, p) in strong]


def _significant(fit: Fit, pairs: Sequence[Pair], first: int) -> list[tuple[int, int, float]]:
    """Return the slopes that are certain, of `pairs` whose columns begin at `first`."""
    return [
        (*pair, float(fit.values[column]))
        for column, pair in enumerate(pairs, first)
        if abs(fit.values[column]) > SIGNIFICANT * fit.errors[column]
    ]
