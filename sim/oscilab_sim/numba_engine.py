"""The fused engine: compiled kernels over blocks of 64 copies, distributed over threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from oscilab.physics.potential import Potential
from oscilab.types import Float64Array
from oscilab_sim import kernels
from oscilab_sim.engine import Copies, Positions
from oscilab_sim.polynomial import Polynomial, Tables
from oscilab_sim.streams import Stream

Number = TypeVar("Number", np.float32, np.float64, np.uint32)
LANES = kernels.LANES
CACHE_LINE = 64
TASKS_PER_THREAD = 4
"""More tasks than threads, so that a slow thread does not delay the rest."""
WORTH_A_THREAD = 2_000_000
"""Products of a coefficient and positions that a thread must have to do in a force reading. Sharing
128 points of 64 oscillators all-to-all, half a million, between two threads doubled the cost."""


class NumbaEngine:
    """An engine for polynomial potentials.

    Each copy is computed by one thread in a fixed order, so results do not depend on the number
    of threads.
    """

    name = "numba"

    def __init__(self, potential: Potential, threads: int) -> None:
        self._polynomial = Polynomial(potential)
        self._workers = Workers(threads)

    def forces(self, parameters: Float64Array, positions: Float64Array) -> Float64Array:
        """Return -grad U, `[batch, oscillator]`."""
        return self._gradients(self._polynomial.tables(parameters, np.float64, -1.0), positions)

    def energy(self, parameters: Float64Array, positions: Positions) -> Float64Array:
        """Return U, `[batch]`."""
        wide = positions.astype(np.float64)
        tables = self._polynomial.tables(parameters, np.float64, by_degree=True)
        # By Euler's theorem; see `tables`. This form of einsum does not go through BLAS.
        return np.einsum("bi,bi->b", wide, self._gradients(tables, wide))

    def release(self, positions: Positions, stream: Stream) -> Copies:
        """Return copies that start at `positions` `[copy, oscillator]`."""
        return NumbaCopies(self._polynomial, self._workers, positions, stream)

    def _gradients(self, tables: Tables, positions: Float64Array) -> Float64Array:
        out = np.empty_like(positions)

        def run(first: int, last: int) -> None:
            x = aligned((self._polynomial.rows, LANES), np.float64)
            x[-1] = 1
            scratch = aligned((3, LANES), np.float64)
            kernels.gradients(positions, out, x, scratch, tables, first, last)

        least = max(1, WORTH_A_THREAD // (LANES * self._polynomial.entries))
        self._workers.run(run, _blocks(len(positions)), least)
        return out


class NumbaCopies:
    """Copies in motion, `[block, row, 64]`; the last block is padded with copies at rest."""

    def __init__(
        self, polynomial: Polynomial, workers: Workers, positions: Positions, stream: Stream
    ) -> None:
        self._polynomial = polynomial
        self._workers = workers
        self._copies, self._oscillators = positions.shape
        self._blocks = _blocks(self._copies)
        shape = (self._blocks, polynomial.rows, LANES)
        self._x, self._y = aligned(shape, np.float32), aligned(shape, np.float32)
        self._x[:, -1] = self._y[:, -1] = 1
        self._scratch = aligned((self._blocks, 5, LANES), np.float32)
        self._states = aligned((self._blocks, 4, LANES), np.uint32)
        states = stream.copy_states(self._blocks * LANES).reshape(4, self._blocks, LANES)
        self._states[...] = states.transpose(1, 0, 2)
        padded = np.zeros((self._blocks * LANES, self._oscillators), np.float32)
        padded[: self._copies] = positions
        rows = padded.reshape(self._blocks, LANES, self._oscillators)
        self._x[:, : self._oscillators] = rows.transpose(0, 2, 1)

    def hold(self, parameters: Float64Array, step: float, steps: int, temperature: float) -> None:
        """Take Euler-Maruyama steps; see `Copies`."""
        tables = self._polynomial.tables(parameters, np.float32, scale=-step)
        spread = np.float32((2 * temperature * step) ** 0.5)

        def run(first: int, last: int) -> None:
            kernels.hold(
                self._x, self._y, self._states, self._scratch, tables, first, last, steps, spread
            )

        self._workers.run(run, self._blocks)
        if steps % 2:
            self._x, self._y = self._y, self._x

    def positions(self) -> NDArray[np.float32]:
        """Return the present positions, `[copy, oscillator]`."""
        rows = self._x[:, : self._oscillators].transpose(0, 2, 1)
        return rows.reshape(-1, self._oscillators)[: self._copies].copy()

    def reach(self) -> Float64Array:
        """Return the largest |x| over copies, `[oscillator]`."""
        x = self._x[:, : self._oscillators]
        real = self._copies - (self._blocks - 1) * LANES
        parts = [x[:-1].reshape(-1, self._oscillators, LANES), x[-1:, :, :real]]
        extremes = [
            extreme(part, axis=(0, 2), initial=0.0)
            for part in parts
            for extreme in (np.max, np.min)
        ]
        return np.abs(extremes).max(axis=0).astype(np.float64)


class Workers:
    """A pool of threads over blocks; kernels release the interpreter's lock."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="oscilab-sim")

    def run(self, work: Callable[[int, int], None], blocks: int, least: int = 1) -> None:
        """Call `work(first, last)` over all of `blocks`, in pieces of `least` blocks or more."""
        pieces = min(blocks // least, TASKS_PER_THREAD * self._threads)
        if self._threads == 1 or pieces < 2:
            work(0, blocks)
            return
        edges = [blocks * piece // pieces for piece in range(pieces + 1)]
        for done in [self._pool.submit(work, *pair) for pair in pairwise(edges)]:
            done.result()


def aligned(shape: tuple[int, ...], dtype: type[Number]) -> NDArray[Number]:
    """Return zeros that start at a cache line, so that no vector straddles two lines."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def _blocks(copies: int) -> int:
    return -(-copies // LANES)
