"""What learning keeps parameters inside: the box, and what confines the oscillators."""

from __future__ import annotations

from oscilab.physics import Confinement, Noising, ParameterBox
from oscilab.types import Float64Array


def confined(wanted: Float64Array, box: ParameterBox) -> Float64Array:
    """`wanted` `[parameter]` moved into the box, then raised until it confines.

    Raises:
        OutOfBox: the box leaves no room to confine.
    """
    return Confinement(box.potential).project(box.project(wanted), box)


class Bounded:
    """A rule that learns in the potential that generates: box and confinement are its bounds."""

    def allowed(self, wanted: Float64Array, box: ParameterBox, noising: Noising) -> Float64Array:
        """Inside the box, and confining."""
        return confined(wanted, box)
