"""Learning rules: from one measurement to a gradient, by what is seen at each term's own ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from oscilab.arrays.description import ArrayDescription, Capability
from oscilab.arrays.seam import OscillatorArray
from oscilab.errors import CannotDo, InvalidInput
from oscilab.learning.contrastive import ContrastiveDivergence
from oscilab.learning.displacement import Displacement
from oscilab.learning.estimate import Estimate, ReadingKind, Sampling
from oscilab.learning.force_matching import ForceMatching
from oscilab.learning.points import PointSource
from oscilab.learning.reverse_path import ReversePath, ReversePathDisplacement
from oscilab.physics import Noising, ParameterBox
from oscilab.types import Float64Array


class Rule(Protocol):
    """How an array learns."""

    @property
    def name(self) -> str:
        """What `--rule` calls it."""
        ...

    @property
    def needs(self) -> tuple[Capability, ...]:
        """The capabilities without which the rule cannot run."""
        ...

    @property
    def needs_bath(self) -> bool:
        """Whether it learns from thermal motion, and so not at temperature zero."""
        ...

    @property
    def reads(self) -> ReadingKind:
        """What its measurements end in: forces, or positions before and after a release."""
        ...

    @property
    def uses(self) -> frozenset[str]:
        """Which of the settings that only some rules have a use for it heeds."""
        ...

    def allowed(self, wanted: Float64Array, box: ParameterBox, noising: Noising) -> Float64Array:
        """The parameters near `wanted` with which the array may learn and generate.

        Raises:
            OutOfBox, CannotDo: there are none.
        """
        ...

    def released(self, noising: Noising, time: float, sampling: Sampling) -> float:
        """The array time for which clamps are open in the measurement of one point."""
        ...

    def estimate(
        self,
        array: OscillatorArray,
        parameters: Float64Array,
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """Measure points at noising time `time` and say which way the loss falls."""
        ...


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
RULE_SETTINGS = frozenset[str]().union(*(rule.uses for rule in RULES.values()))
"""Settings that mean something to some rules only."""


def rule_for(name: str, description: ArrayDescription) -> Rule:
    """The rule of that name, if the array can run it.

    An array without force readout is left with the rules that let go of the clamps, one whose bath
    is at temperature zero with those that do not learn from thermal motion.

    Raises:
        InvalidInput: no such rule.
        CannotDo: naming what the array lacks and the rules that would work.
    """
    if name not in RULES:
        raise InvalidInput(f"unknown rule {name!r}; the rules are {', '.join(RULES)}")
    rule = RULES[name]
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
