"""Random streams of a simulated array: each reading has its own, none is shared.

Philox maps (key, counter) one to one onto blocks of 256 bits. The key comes from the array's seed.
The counter's upper words hold the number of the reading and the purpose, so that streams of
different readings are disjoint whatever the number of copies. The state of an array is therefore
its key and the number of readings so far: 28 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput

SEEDS, NORMALS = 0, 1
_LAYOUT = struct.Struct("<4s3Q")
_MAGIC = b"osc1"


@dataclass(frozen=True)
class Stream:
    """The random streams of one reading."""

    open: Callable[[int], np.random.Philox]

    def copy_states(self, copies: int) -> NDArray[np.uint32]:
        """Return 128 random bits per copy, `[4, copy]`, to seed one xoshiro128++ each."""
        raw = self.open(SEEDS).random_raw(2 * copies)
        states = raw.view(np.uint32).reshape(copies, 4).T.copy()
        # xoshiro never leaves the all-zero state.
        states[0, ~states.any(axis=0)] = 1
        return states

    def normals(self) -> np.random.Generator:
        """Return a generator that is independent of the copies'."""
        return np.random.Generator(self.open(NORMALS))


class RandomStreams:
    """A seeded sequence of `Stream`s."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise InvalidInput(f"seed {seed} is negative; use zero or a positive whole number")
        self._key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        self._reading = 0

    def next(self) -> Stream:
        """Return the stream of the next reading."""
        key, reading = self._key, self._reading
        self._reading += 1
        return Stream(lambda purpose: np.random.Philox(key=key, counter=[0, 0, purpose, reading]))

    def save(self) -> bytes:
        """Return the key and the number of readings, always of the same size."""
        return _LAYOUT.pack(_MAGIC, *map(int, self._key), self._reading)

    def restore(self, state: bytes) -> None:
        """Restore a state from `save`.

        Raises:
            InvalidInput: `state` did not come from `save`.
        """
        if len(state) != _LAYOUT.size or not state.startswith(_MAGIC):
            raise InvalidInput(
                f"{len(state)} bytes are not the saved state of a simulated array, which has "
                f"{_LAYOUT.size} and starts with {_MAGIC!r}; restore what save_state returned"
            )
        _, low, high, self._reading = _LAYOUT.unpack(state)
        self._key = np.array([low, high], np.uint64)
