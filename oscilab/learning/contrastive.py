"""Contrastive divergence with one short release, CD1: no force is read and no target is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.arrays.description import Capability
from oscilab.arrays.seam import OscillatorArray
from oscilab.errors import CannotDo
from oscilab.learning.bounds import confined
from oscilab.learning.displacement import displacement_force
from oscilab.learning.estimate import Estimate, ReadingKind, Sampling
from oscilab.learning.points import PointSource
from oscilab.physics import Noising, ParameterBox, Potential, noising_parameters
from oscilab.types import Float64Array


@dataclass(frozen=True)
class EquilibriumSetting:
    """Between the potential U that generates and the V whose equilibrium is p_t.

    A bath of temperature D holds p_t in V where -grad V = D grad log p_t. Since
    -grad U = c x + (c + D) grad log p_t, U = (c + D) / D V - c x^2 / 2: for c = D = 1 every
    parameter of U is twice that of V, a stiffness one less than that.
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
        """V's parameters from U's, `[parameter]`."""
        return (generating + self._unit) / self.ratio

    def generating(self, equilibrium: Float64Array) -> Float64Array:
        """U's parameters from V's, `[parameter]`."""
        return self.ratio * equilibrium - self._unit

    def narrowed(self, box: ParameterBox) -> ParameterBox:
        """The box of those U whose V fits `box` as well.

        Raises:
            CannotDo: there is none, naming a parameter.
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
    """dJ/dtheta^V_p = (E[u_p(x)] - E[u_p(x')]) / delta, x' being x after a release under V.

    It is the gradient of implicit score matching (Hyvarinen, JMLR 6 (2005) 695) to first order in
    delta, as in arXiv:2506.19136; that of the force-matching loss is lambda (c + D) / D times it,
    for U's parameters, which are those that are stored. The array runs in V while it learns and in
    U while it generates; both are kept in the box. Both features are evaluated at measured
    positions, whose reading noise is the same before and after and cancels in the mean.

    Data and noise of a point are not used: samples of p_t are all that it needs. The loss that is
    reported takes the displacement under V as a force reading, so that it compares with the other
    rules'; learning does not see it.
    """

    name = "cd1"
    needs = (Capability.CLAMP, Capability.RELEASE)
    needs_bath = True
    reads: ReadingKind = "position"
    uses = frozenset({"delta"})

    def allowed(self, wanted: Float64Array, box: ParameterBox, noising: Noising) -> Float64Array:
        """U inside the box and confining, such that V is so too."""
        setting = EquilibriumSetting(box.potential, noising)
        inside = confined(wanted, setting.narrowed(box))
        equilibrium = setting.of(inside)
        raised = confined(equilibrium, box)
        lacked = raised != equilibrium
        return np.where(lacked, setting.generating(raised), inside) if lacked.any() else inside

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """delta sigma_t^2."""
        return sampling.release(noising, time)

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """One release in V from fresh points at noising time `time`."""
        noising, description = points.noising, array.description
        potential = description.potential
        setting = EquilibriumSetting(potential, noising)
        drawn = points.draw(time, sampling.batch, sampling.rng)
        # Rounding may have put V beside the bound that `allowed` put it on.
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
            # Those of V, which is what the reading shows.
            targets=(wanted - noising.speed * drawn.noised) / setting.ratio,
        )
