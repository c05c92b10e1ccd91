"""Random streams of a simulated array: one family of streams a reading, none ever shared.

Philox maps (key, counter) one to one onto blocks of 256 bits. The key comes from the array's seed;
the counter's upper words hold the number of the reading and what the numbers are for, so that
streams of different readings are disjoint by construction, however many copies each reading has.
The state of the array is therefore the key and the number of readings so far: 28 bytes.
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
    """The randomness of one reading."""

    open: Callable[[int], np.random.Philox]

    def copy_states(self, copies: int) -> NDArray[np.uint32]:
        """128 random bits a copy, `[4, copy]`, to start one xoshiro128++ each."""
        raw = self.open(SEEDS).random_raw(2 * copies)
        states = raw.view(np.uint32).reshape(copies, 4).T.copy()
        # All zero is the one state that xoshiro never leaves.
        states[0, ~states.any(axis=0)] = 1
        return states

    def normals(self) -> np.random.Generator:
        """A generator of its own, apart from the copies'."""
        return np.random.Generator(self.open(NORMALS))


class RandomStreams:
    """A seeded source of one `Stream` after the other."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise InvalidInput(f"seed {seed} is negative; use zero or a positive whole number")
        self._key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        self._reading = 0

    def next(self) -> Stream:
        """The stream of the next reading."""
        key, reading = self._key, self._reading
        self._reading += 1
        return Stream(lambda purpose: np.random.Philox(key=key, counter=[0, 0, purpose, reading]))

    def save(self) -> bytes:
        """Key and number of readings, always as many bytes."""
        return _LAYOUT.pack(_MAGIC, *map(int, self._key), self._reading)

    def restore(self, state: bytes) -> None:
        """Continue where `save` was called.

        Raises:
            InvalidInput: not such a state.
        """
        if len(state) != _LAYOUT.size or not state.startswith(_MAGIC):
            raise InvalidInput(
                f"{len(state)} bytes are not the saved state of a simulated array, which has "
                f"{_LAYOUT.size} and starts with {_MAGIC!r}; restore what save_state returned"
            )
        _, low, high, self._reading = _LAYOUT.unpack(state)
        self._key = np.array([low, high], np.uint64)
