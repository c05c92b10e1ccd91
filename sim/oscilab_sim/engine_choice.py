"""Choice of the engine: Numba's, or NumPy's where Numba cannot be used."""

from __future__ import annotations

import logging

from oscilab.errors import InvalidInput
from oscilab.physics.potential import Potential
from oscilab_sim.engine import Engine
from oscilab_sim.numpy_engine import NumpyEngine
from oscilab_sim.settings import EngineName

logger = logging.getLogger(__name__)


def choose_engine(name: EngineName, potential: Potential, threads: int) -> Engine:
    """Return the engine `name`; `auto` is Numba's where it can be used.

    Raises:
        InvalidInput: `numba` was requested and cannot be used.
    """
    if name == "numpy":
        return NumpyEngine(potential)
    obstacle = _obstacle(potential)
    if obstacle is None:
        from oscilab_sim.numba_engine import NumbaEngine

        return NumbaEngine(potential, threads)
    if name == "numba":
        raise InvalidInput(f"engine numba cannot serve: {obstacle}; use engine auto or numpy")
    logger.warning("simulating with NumPy, many times slower than with Numba: %s", obstacle)
    return NumpyEngine(potential)


def _obstacle(potential: Potential) -> str | None:
    for family in potential.families.values():
        if family.term.monomials is None:
            return f"term {family.name} is not a polynomial"
    try:
        # Numba takes half a second to import and refuses some versions of NumPy.
        import numba  # noqa: F401
    except ImportError as error:
        return f"Numba cannot be imported ({error})"
    return None
