"""The array types that every package shares.

A type says what the numbers are; their axes and units are in the docstring of whatever takes or
returns them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
"""Real numbers of any width: positions, forces, parameters."""
Float64Array = NDArray[np.float64]
"""Real numbers in double precision."""
IntArray = NDArray[np.int64]
"""Whole numbers: oscillators, samples, counts."""
IndexArray = NDArray[np.intp]
"""Indices into another array, as NumPy returns them."""
BoolArray = NDArray[np.bool_]
"""A mask."""
Volts = FloatArray
"""Levels of outputs or readings of inputs, in volts; 0.0 and 1.0 on digital lines."""
