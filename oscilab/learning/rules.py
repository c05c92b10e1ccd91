"""Local learning rules: from one measurement to a gradient, using only the ends of each term.

`RULES` lists the built-in rules. Each satisfies `Rule`, as do the entries of the entry point group
`oscilab.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from oscilab.arrays.description import ArrayDescription, Capability
from oscilab.arrays.readings import PositionReading, ReadingKind
from oscilab.arrays.seam import OscillatorArray
from oscilab.errors import CannotDo, OutOfClamp
from oscilab.learning.measurement import (
    MOST_ROUNDS,
    Estimate,
    PointSource,
    Sampling,
    estimate_from_forces,
)
from oscilab.physics import Confinement, Noising, ParameterBox, Potential, noising_parameters
from oscilab.plugins import find
from oscilab.types import Float64Array, FloatArray


class Rule(Protocol):
    """A way to estimate the gradient of the loss from measurements."""

    @property
    def name(self) -> str:
        """The name for `--rule`."""
        ...

    @property
    def needs(self) -> tuple[Capability, ...]:
        """The capabilities that the rule needs."""
        ...

    @property
    def needs_bath(self) -> bool:
        """Whether the rule learns from thermal motion and needs a temperature above zero."""
        ...

    @property
    def reads(self) -> ReadingKind:
        """The kind of its readings: forces, or positions before and after a release."""
        ...

    @property
    def uses(self) -> frozenset[str]:
        """The rule-specific settings (`RULE_SETTINGS`) that this rule uses."""
        ...

    def allowed(self, wanted: Float64Array, box: ParameterBox, noising: Noising) -> Float64Array:
        """Return the parameters nearest to `wanted` with which the array may learn and generate.

        Raises:
            OutOfBox, CannotDo: there are none.
        """
        ...

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """Return the array time for which the clamps are open in the measurement of one point."""
        ...

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """Measure points at noising time `time` and estimate the loss and its gradient."""
        ...


def confined(wanted: Float64Array, box: ParameterBox) -> Float64Array:
    """Return `wanted` `[parameter]` projected into the box, then raised until it confines.

    Raises:
        OutOfBox: no parameters in the box confine.
    """
    return Confinement(box.potential).project(box.project(wanted), box)


class Bounded:
    """A rule that learns in the generating potential, bounded by the box and by confinement."""

    def allowed(self, wanted: Float64Array, box: ParameterBox, noising: Noising) -> Float64Array:
        """Return `wanted` projected into the box and raised until it confines."""
        return confined(wanted, box)


class ForceMatching(Bounded):
    """r = F_measured - F*, with F* the denoising form of the reverse force (arXiv:2506.19136).

    Targets and features use the set-points, which are more accurate than the readings. With
    `Sampling.at = "measured"` they use the measured positions, whose reading noise s biases a
    stiffness by s^2 / sigma_t^2.
    """

    name = "force-matching"
    needs = (Capability.CLAMP, Capability.FORCE_READOUT)
    needs_bath = False
    reads: ReadingKind = "force"
    uses = frozenset({"features_at"})

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """Return 0: the clamps stay closed."""
        return 0.0

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """Measure forces at new points at noising time `time`."""
        noising = points.noising
        drawn = points.draw(time, sampling.batch, sampling.rng)
        reading = array.measure_forces(parameters, drawn.noised)
        at = reading.set_points if sampling.at == "set_points" else reading.positions
        # For a measured position, use the noise that reproduces it.
        noise = (at - noising.decay(time) * drawn.data) / noising.sigma(time)
        return estimate_from_forces(
            array.description.potential,
            sampling.weight(noising, time),
            reading.forces,
            noising.reverse_force(at, noise, time),
            at,
            reading,
            drawn.redrawn,
        )


class Displacement(Bounded):
    """F = (x(delta) - x(0)) / delta after a release from the clamped x(0) in U.

    Both positions come from the same sensor, so its offset cancels. Features use the set-points: a
    measured start has the same noise s as the displacement, which would bias a stiffness by
    -s^2 / (delta sigma_t^2).

    The mean is biased to first order in delta: for a target force -k x, the stiffness learned is
    -ln(1 - k delta) / delta, too large by a share of about k delta / 2. The bath adds a variance of
    2 D / delta to every displacement.
    """

    name = "displacement"
    needs = (Capability.CLAMP, Capability.RELEASE)
    needs_bath = False
    reads: ReadingKind = "position"
    uses = frozenset({"delta"})

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """Return delta sigma_t^2."""
        return sampling.release(noising, time)

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """Release the oscillators from new points at noising time `time`."""
        noising = points.noising
        drawn = points.draw(time, sampling.batch, sampling.rng)
        reading = array.relax(parameters, drawn.noised, sampling.release(noising, time))
        target = noising.reverse_force(drawn.noised, drawn.noise, time)
        found = estimate_from_forces(
            array.description.potential,
            sampling.weight(noising, time),
            displacement_force(reading),
            target,
            drawn.noised,
            reading,
            drawn.redrawn,
        )
        return without_bath(found, reading, sampling.weight(noising, time), noising.temperature)


def displacement_force(reading: PositionReading) -> FloatArray:
    """Return the mean force over a release: the displacement divided by its duration."""
    return (reading.end - reading.start) / reading.duration


def without_bath(
    found: Estimate, reading: PositionReading, weight: float, temperature: float
) -> Estimate:
    """Return `found` without the bath's share weight n D / delta of the loss.

    The rest is comparable to force matching. It may be negative for a single batch.
    """
    oscillators = reading.start.shape[1]
    return replace(found, loss=found.loss - weight * oscillators * temperature / reading.duration)


@dataclass(frozen=True)
class EquilibriumSetting:
    """The relation of the generating potential U to the potential V whose equilibrium is p_t.

    In a bath of temperature D, p_t is the equilibrium of V if -grad V = D grad log p_t. Since
    -grad U = c x + (c + D) grad log p_t, U = (c + D) / D V - c x^2 / 2: for c = D = 1 every
    parameter of U is twice that of V, and a stiffness one less than that.
    """

    potential: Potential
    noising: Noising

    @property
    def ratio(self) -> float:
        """(c + D) / D."""
        return (self.noising.speed + self.noising.temperature) / self.noising.temperature

    @property
    def _unit(self) -> Float64Array:
        return self.noising.speed * noising_parameters(self.potential)

    def of(self, generating: Float64Array) -> Float64Array:
        """Return V's parameters from U's, `[parameter]`."""
        return (generating + self._unit) / self.ratio

    def generating(self, equilibrium: Float64Array) -> Float64Array:
        """Return U's parameters from V's, `[parameter]`."""
        return self.ratio * equilibrium - self._unit

    def narrowed(self, box: ParameterBox) -> ParameterBox:
        """Return the box of all U in `box` whose V is in `box` as well.

        Raises:
            CannotDo: it is empty for some parameter.
        """
        lower = np.maximum(box.lower, self.generating(box.lower))
        upper = np.minimum(box.upper, self.generating(box.upper))
        empty = np.flatnonzero(lower > upper)
        if empty.size:
            first = int(empty[0])
            raise CannotDo(
                f"rule cd1 learns in another potential than it generates in, and no value of "
                f"parameter {box.potential.names[first]} lets both lie within its range "
                f"{box.lower[first]:g} to {box.upper[first]:g}; widen the range, or use rule "
                "displacement"
            )
        return ParameterBox(box.potential, lower, upper)


class ContrastiveDivergence:
    """dJ/dtheta^V_p = (E[u_p(x)] - E[u_p(x')]) / delta, where x' is x after a release under V.

    This is the gradient of implicit score matching (Hyvarinen, JMLR 6 (2005) 695) to first order in
    delta, as in arXiv:2506.19136. The gradient of the force-matching loss for U's parameters, which
    are the ones stored, is lambda (c + D) / D times it. The array runs in V while it learns and in
    U while it generates; both are kept in the box. Features are evaluated at measured positions,
    whose reading noise is the same before and after and cancels in the mean.

    The rule needs samples of p_t only, not the data and noise of a point. The reported loss takes
    the displacement under V as a force reading, to be comparable to that of other rules; learning
    does not use it.
    """

    name = "cd1"
    needs = (Capability.CLAMP, Capability.RELEASE)
    needs_bath = True
    reads: ReadingKind = "position"
    uses = frozenset({"delta"})

    def allowed(self, wanted: Float64Array, box: ParameterBox, noising: Noising) -> Float64Array:
        """Return parameters of U such that U and V are both in the box and confining."""
        setting = EquilibriumSetting(box.potential, noising)
        inside = confined(wanted, setting.narrowed(box))
        equilibrium = setting.of(inside)
        raised = confined(equilibrium, box)
        lacked = raised != equilibrium
        return np.where(lacked, setting.generating(raised), inside) if lacked.any() else inside

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """Return delta sigma_t^2."""
        return sampling.release(noising, time)

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """Release the oscillators in V from new points at noising time `time`."""
        noising, description = points.noising, array.description
        potential = description.potential
        setting = EquilibriumSetting(potential, noising)
        drawn = points.draw(time, sampling.batch, sampling.rng)
        # Rounding may have moved V off the bound on which `allowed` put it.
        equilibrium = confined(setting.of(parameters), description.box)
        reading = array.relax(equilibrium, drawn.noised, sampling.release(noising, time))
        weight = sampling.weight(noising, time)
        scale = weight / len(drawn.noised)
        contrast = potential.features(reading.start) - potential.features(reading.end)
        forces = noising.speed * drawn.noised + setting.ratio * displacement_force(reading)
        wanted = noising.reverse_force(drawn.noised, drawn.noise, time)
        residuals = forces - wanted
        bath = setting.ratio**2 * noising.temperature / reading.duration * residuals.shape[1]
        return Estimate(
            loss=0.5 * scale * float(np.vdot(residuals, residuals)) - weight * bath,
            gradient=scale * setting.ratio * contrast / reading.duration,
            curvature=potential.feature_power(scale, drawn.noised),
            redrawn=drawn.redrawn,
            reading=reading,
            # The targets of V, in which the reading was taken.
            targets=(wanted - noising.speed * drawn.noised) / setting.ratio,
        )


@dataclass(frozen=True, eq=False)
class NoisingPath:
    """Two instants of noising paths run by the array, each `[batch, oscillator]`.

    `start` is x_{t - duration} and `end` is x_t, in noising time. `redrawn` is the share of paths
    that left the clamps and were run again.
    """

    start: FloatArray
    end: FloatArray
    duration: float
    redrawn: float


def run_noising(
    array: OscillatorArray, points: PointSource, time: float, sampling: Sampling
) -> NoisingPath:
    """Clamp at data, let the array noise them for `time`, read shortly before and at the end.

    With springs of stiffness D, a bath of temperature D produces the unit noise of the noising, D
    times as fast: a noising time t takes an array time t / D.

    Raises:
        OutOfClamp: paths still leave the clamps after `MOST_ROUNDS` rounds.
    """
    rng, duration = sampling.rng, sampling.release(points.noising, time)
    batch = sampling.batch
    start, end = np.empty((2, batch, points.data.shape[1]))
    missing = np.arange(batch)
    run = 0
    for _ in range(MOST_ROUNDS):
        data = points.data[rng.integers(len(points.data), size=missing.size)]
        begun = _noised(array, points, data, time - duration)
        kept = points.inside(begun)
        ended = np.full_like(begun, np.inf)
        if kept.any():
            ended[kept] = _noised(array, points, begun[kept], duration)
        run += missing.size
        start[missing], end[missing] = begun, ended
        missing = missing[~points.inside(ended)]
        if not missing.size:
            return NoisingPath(start, end, duration, 1 - batch / run)
    raise OutOfClamp(
        f"after {MOST_ROUNDS} rounds {missing.size} of {batch} noising paths to noising time "
        f"{time:g} leave the clamps ({points.clamp_lower.min():g} to {points.clamp_upper.max():g})"
        "; scale the data down or widen the clamps"
    )


def _noised(
    array: OscillatorArray, points: PointSource, begin: FloatArray, duration: float
) -> FloatArray:
    if duration <= 0:
        return begin.astype(np.float64)
    temperature = points.noising.temperature
    spring = temperature * noising_parameters(array.description.potential)
    return np.asarray(array.relax(spring, begin, duration / temperature).end, np.float64)


class ReversePath(Bounded):
    """r = F_measured(y) - F*, with the target from two instants y_0, y of a measured noising path.

    F* = c y + (c + D) (exp(-delta) y_0 - y) / (1 - exp(-2 delta)), which is exact for every delta
    (`Noising.path_force`) and has a variance of (c + D)^2 / (1 - exp(-2 delta)). Force and features
    are those of the end state y, and the node is that of its time. The rule knows only the data
    from which the paths start, not the noise.
    """

    name = "reverse-path"
    needs = (Capability.CLAMP, Capability.RELEASE, Capability.FORCE_READOUT)
    needs_bath = True
    reads: ReadingKind = "force"
    uses = frozenset({"delta"})

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """Return the array time of the noising."""
        return time / noising.temperature

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """Run a batch of noising paths up to `time`, then measure the forces at their ends."""
        noising = points.noising
        path = run_noising(array, points, time, sampling)
        reading = array.measure_forces(parameters, path.end)
        return estimate_from_forces(
            array.description.potential,
            sampling.weight(noising, time),
            reading.forces,
            noising.path_force(path.start, path.end, path.duration),
            path.end,
            reading,
            path.redrawn,
        )


class ReversePathDisplacement(ReversePath):
    """The reverse-path rule without force readout: a second displacement, from y, replaces it.

    It adds the bias and noise of the displacement rule to those of the path.
    """

    name = "reverse-path-displacement"
    needs = (Capability.CLAMP, Capability.RELEASE)
    reads = "position"

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """Return the array time of the noising and of the second release."""
        return super().released(noising, time, sampling) + sampling.release(noising, time)

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """Run a batch of noising paths up to `time`, then release from their ends."""
        noising = points.noising
        path = run_noising(array, points, time, sampling)
        reading = array.relax(parameters, path.end, sampling.release(noising, time))
        weight = sampling.weight(noising, time)
        target = noising.path_force(path.start, path.end, path.duration)
        found = estimate_from_forces(
            array.description.potential,
            weight,
            displacement_force(reading),
            target,
            path.end,
            reading,
            path.redrawn,
        )
        return without_bath(found, reading, weight, noising.temperature)


GROUP = "oscilab.rules"
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        ForceMatching(),
        ContrastiveDivergence(),
        Displacement(),
        ReversePath(),
        ReversePathDisplacement(),
    )
}
"""The built-in rules, by name."""
RULE_SETTINGS = frozenset[str]().union(*(rule.uses for rule in RULES.values()))
"""Settings that only some rules use."""


def find_rule(name: str) -> Rule:
    """Return the built-in or installed rule of that name.

    Raises:
        InvalidInput: there is no such rule; the message lists the known ones.
        OscilabError: the rule is installed but cannot be used.
    """
    return find(GROUP, name, RULES, Rule)


def rule_for(name: str, description: ArrayDescription) -> Rule:
    """Return the rule of that name, if the array can run it.

    An array without force readout can run the rules that open the clamps. An array at temperature
    zero can run the rules that do not learn from thermal motion.

    Raises:
        InvalidInput: there is no such rule.
        CannotDo: the array lacks something; the message names it, and the rules that would work.
    """
    rule = find_rule(name)
    try:
        description.require(*rule.needs, purpose=f"rule {name}")
        if not _warm_enough(rule, description):
            raise CannotDo(
                f"rule {name} learns from thermal motion, of which device "
                f"{description.identity.name} at temperature 0 has none"
            )
    except CannotDo as error:
        able = [
            each.name
            for each in RULES.values()
            if description.offers(*each.needs) and _warm_enough(each, description)
        ]
        raise CannotDo(f"{error}; rules that would work: {', '.join(able) or 'none'}") from error
    return rule


def _warm_enough(rule: Rule, description: ArrayDescription) -> bool:
    return description.temperature > 0 or not rule.needs_bath
