"""What learning keeps parameters inside: the box, and what confines the oscillators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oscilab.physics import Confinement, Noising, ParameterBox


def confined(wanted: NDArray[np.float64], box: ParameterBox) -> NDArray[np.float64]:
    """`wanted` `[parameter]` moved into the box, then raised until it confines.

    Raises:
        OutOfBox: the box leaves no room to confine.
    """
    return Confinement(box.potential).project(box.project(wanted), box)


class Bounded:
    """A rule that learns in the potential that generates: box and confinement are its bounds."""

    def allowed(
        self, wanted: NDArray[np.float64], box: ParameterBox, noising: Noising
    ) -> NDArray[np.float64]:
        """Inside the box, and confining."""
        return confined(wanted, box)
