"""Local learning rules and the loop that runs them."""

from oscilab.learning.measurement import (
    Estimate,
    Points,
    PointSource,
    Sampling,
    estimate_from_forces,
)
from oscilab.learning.optimisers import (
    Adam,
    Optimiser,
    OptimiserKind,
    Sgd,
    find_optimiser,
    optimiser_named,
)
from oscilab.learning.oracle import QuadraticLoss, quadratic_loss
from oscilab.learning.rules import (
    RULES,
    Bounded,
    ContrastiveDivergence,
    Displacement,
    ForceMatching,
    ReversePath,
    ReversePathDisplacement,
    Rule,
    confined,
    find_rule,
    rule_for,
)
from oscilab.learning.training import Measured, Rate, Training

__all__ = [
    "RULES",
    "Adam",
    "Bounded",
    "ContrastiveDivergence",
    "Displacement",
    "Estimate",
    "ForceMatching",
    "Measured",
    "Optimiser",
    "OptimiserKind",
    "PointSource",
    "Points",
    "QuadraticLoss",
    "Rate",
    "ReversePath",
    "ReversePathDisplacement",
    "Rule",
    "Sampling",
    "Sgd",
    "Training",
    "confined",
    "estimate_from_forces",
    "find_optimiser",
    "find_rule",
    "optimiser_named",
    "quadratic_loss",
    "rule_for",
]
