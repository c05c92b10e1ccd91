"""Learning rules: from one measurement to a gradient, by what is seen at each term's own ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.description import ArrayDescription, Capability
from oscilab.arrays.seam import OscillatorArray
from oscilab.errors import CannotDo, InvalidInput
from oscilab.learning.estimate import Estimate, Sampling
from oscilab.learning.force_matching import ForceMatching
from oscilab.learning.points import PointSource


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

    def estimate(
        self,
        array: OscillatorArray,
        parameters: NDArray[np.float64],
        time: float,
        points: PointSource,
        sampling: Sampling,
    ) -> Estimate:
        """Measure points at noising time `time` and say which way the loss falls."""
        ...


RULES: Mapping[str, Rule] = {rule.name: rule for rule in (ForceMatching(),)}


def rule_for(name: str, description: ArrayDescription) -> Rule:
    """The rule of that name, if the array can run it.

    Raises:
        InvalidInput: no such rule.
        CannotDo: naming what the array lacks and the rules that would work.
    """
    if name not in RULES:
        raise InvalidInput(f"unknown rule {name!r}; the rules are {', '.join(RULES)}")
    rule = RULES[name]
    try:
        description.require(*rule.needs, purpose=f"rule {name}")
    except CannotDo as error:
        able = [each.name for each in RULES.values() if description.offers(*each.needs)]
        raise CannotDo(f"{error}; rules that would work: {', '.join(able) or 'none'}") from error
    return rule
