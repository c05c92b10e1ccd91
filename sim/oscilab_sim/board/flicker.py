"""1/f noise as a sum of relaxations, one an octave."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OCTAVES = 8


class Flicker:
    """1/f noise of unit variance on `lines` inputs, taken reading by reading.

    Relaxations of 1, 2, 4 ... 128 readings, equal in variance, have a spectrum of 1/f between
    these times. Time is counted in readings, whatever the clock, so that it is an approximation
    where the interval between readings changes.
    """

    def __init__(self, lines: int, rng: np.random.Generator) -> None:
        self._decay = np.exp(-(2.0 ** -np.arange(OCTAVES)))
        self._state = rng.standard_normal((OCTAVES, lines))
        self._rng = rng

    def take(self, lines: NDArray[np.intp], readings: int) -> NDArray[np.floating]:
        """The next `readings` of the inputs `lines`: `[line, reading]`."""
        from scipy.signal import lfilter

        total = np.zeros((len(lines), readings))
        for octave, decay in enumerate(self._decay):
            kicks = np.sqrt(1 - decay**2) * self._rng.standard_normal((len(lines), readings))
            start = decay * self._state[octave, lines][:, np.newaxis]
            moved, _ = lfilter([1.0], [1.0, -decay], kicks, axis=1, zi=start)
            if readings:
                self._state[octave, lines] = moved[:, -1]
            total += moved
        return total / np.sqrt(OCTAVES)
