"""What learning keeps parameters inside: the box, and what confines the oscillators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oscilab.physics import Confinement, ParameterBox


def confined(wanted: NDArray[np.float64], box: ParameterBox) -> NDArray[np.float64]:
    """`wanted` `[parameter]` moved into the box, then raised until it confines.

    Raises:
        OutOfBox: the box leaves no room to confine.
    """
    return Confinement(box.potential).project(box.project(wanted), box)
