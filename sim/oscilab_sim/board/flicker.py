"""1/f noise as a sum of relaxations, one an octave."""

from __future__ import annotations

import numpy as np

from oscilab.types import FloatArray, IndexArray

OCTAVES = 20
LONGEST_S = 1.0
FORGOTTEN = 1e-9
"""Share of a value that is not worth carrying on."""


class Flicker:
    """1/f noise of unit variance on `lines` inputs, at times in seconds.

    Relaxations of 1 s, 1/2 s, 1/4 s ... 2 us, equal in variance, have a spectrum of 1/f between
    these times, white below and 1/f^2 above.
    """

    def __init__(self, lines: int, rng: np.random.Generator) -> None:
        self._constants = LONGEST_S * 2.0 ** -np.arange(OCTAVES)
        self._state = rng.standard_normal((OCTAVES, lines))
        self._last = np.zeros(lines)
        self._rng = rng

    def take(self, lines: IndexArray, times: FloatArray) -> FloatArray:
        """The noise of the inputs `lines` at `times` `[reading]`, ascending: `[line, reading]`."""
        total = np.zeros((len(lines), len(times)))
        if not len(times):
            return total
        steps = np.diff(times)
        waited = np.maximum(times[0] - self._last[lines], 0.0)
        for octave, constant in enumerate(self._constants.tolist()):
            first = np.exp(-waited / constant)
            values = self._rng.standard_normal(total.shape)
            decay = np.concatenate([[0.0], np.exp(-steps / constant)])
            values[:, 1:] *= np.sqrt(1 - decay[1:] ** 2)
            values[:, 0] *= np.sqrt(1 - first**2)
            values[:, 0] += first * self._state[octave, lines]
            total += _relaxed(values, decay)
            self._state[octave, lines] = values[:, -1]
        self._last[lines] = times[-1]
        return total / np.sqrt(OCTAVES)


def _relaxed(values: FloatArray, decay: FloatArray) -> FloatArray:
    """x_k = decay_k x_(k-1) + values_k, in place, by doubling how far back each x looks."""
    reach = 1
    while reach < len(decay) and decay.max() > FORGOTTEN:
        values[:, reach:] += decay[reach:] * values[:, :-reach]
        decay[reach:] = decay[reach:] * decay[:-reach]
        decay[:reach] = 0.0
        reach *= 2
    return values
