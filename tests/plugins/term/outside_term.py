"""A wall of sixth order around every oscillator."""

import numpy as np

from oscilab.physics import Monomial, PolynomialTerm

SEXTIC = PolynomialTerm(
    "sextic",
    (Monomial(1 / 6, (6,)),),
    lambda topology: np.arange(topology.oscillators)[:, np.newaxis],
    default_range=(0.0, 50.0),
)
