"""The oscillators of an array and the couplings between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from oscilab.errors import InvalidInput
from oscilab.types import IntArray


@dataclass(frozen=True, eq=False)
class Topology:
    """Oscillators, their undirected edges, and optional gates.

    `edges` is `[edge, 2]` with i < j, sorted and unique. `gates` is `[gate, 3]` of (h, i, j):
    oscillator h modulates the coupling of i and j. `shape` is the layout (rows, columns) for
    pictures, row by row.
    """

    name: str
    oscillators: int
    edges: IntArray
    shape: tuple[int, int]
    gates: IntArray = field(default_factory=lambda: np.zeros((0, 3), np.int64))

    def __post_init__(self) -> None:
        rows, columns = self.shape
        _check_size(rows, columns)
        if rows * columns != self.oscillators:
            raise InvalidInput(
                f"topology {self.name} is laid out as {rows} x {columns}, which is not its "
                f"{self.oscillators} oscillators; give a shape whose product is that number"
            )
        edges = checked_ends(self.edges, 2, self.oscillators, f"edges of {self.name}")
        gates = checked_ends(self.gates, 3, self.oscillators, f"gates of {self.name}")
        _refuse_doubled(gates, f"gates of {self.name}")
        object.__setattr__(self, "edges", _refuse_doubled(edges, f"edges of {self.name}"))
        object.__setattr__(self, "gates", gates)

    @cached_property
    def arcs(self) -> IntArray:
        """Both orders of every edge, `[2 edge, 2]`."""
        return np.concatenate([self.edges, self.edges[:, ::-1]])

    @cached_property
    def gate_sites(self) -> IntArray:
        """The unique pairs (h, i) of a gate and an oscillator that it acts on, `[pair, 2]`."""
        pairs = np.concatenate([self.gates[:, [0, 1]], self.gates[:, [0, 2]]])
        return np.unique(pairs, axis=0).reshape(-1, 2)


def lattice(rows: int, columns: int, radius: float) -> Topology:
    """Return a lattice with an edge for every pair of sites within `radius`.

    Distances are Euclidean, boundaries open.
    """
    _check_size(rows, columns)
    if not radius >= 0:
        raise InvalidInput(f"lattice radius {radius} must be zero or more")
    sites = np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)
    i, j = np.triu_indices(rows * columns, k=1)
    # A small tolerance, so that radius 1.4142 includes the diagonal neighbours.
    near = np.hypot(*(sites[i] - sites[j]).T) <= radius + 1e-4
    edges = np.stack([i[near], j[near]], axis=1)
    name = f"{rows}x{columns} lattice, radius {radius:g}"
    return Topology(name, rows * columns, edges, (rows, columns))


def all_to_all(rows: int, columns: int = 1) -> Topology:
    """Return a topology in which every pair is an edge."""
    _check_size(rows, columns)
    edges = np.stack(np.triu_indices(rows * columns, k=1), axis=1)
    return Topology(f"{rows}x{columns} all-to-all", rows * columns, edges, (rows, columns))


def from_edges(
    edges: ArrayLike,
    oscillators: int,
    shape: tuple[int, int] | None = None,
    name: str = "edge list",
) -> Topology:
    """Return a topology from a list of pairs, in any order.

    Raises:
        InvalidInput: a pair does not name two existing oscillators, or is repeated.
    """
    return Topology(name, oscillators, np.asarray(edges), shape or (oscillators, 1))


def from_file(path: str | Path, oscillators: int, shape: tuple[int, int] | None = None) -> Topology:
    """Return a topology from a text file of `i,j` lines (zero-based; `#` starts a comment).

    Raises:
        InvalidInput: the file is missing or names no edge, a line is not two oscillator numbers,
            or an edge is repeated.
    """
    path = Path(path)
    pairs: list[tuple[int, int]] = []
    try:
        # Spreadsheets on Windows write a byte order mark first.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"edge list {path} is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise InvalidInput(
            f"edge list {path} cannot be read: {error.strerror or error}; check its path"
        ) from error
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            i, j = (int(cell) for cell in text.split(","))
        except ValueError as error:
            raise InvalidInput(
                f"edge list {path}, line {number}: {text!r} is not two oscillator numbers; write "
                "one edge a line as i,j"
            ) from error
        for end in (i, j):
            if not 0 <= end < oscillators:
                raise InvalidInput(
                    f"edge list {path}, line {number}: there is no oscillator {end}; use 0 to "
                    f"{oscillators - 1}"
                )
        pairs.append((i, j))
    if not pairs:
        raise InvalidInput(
            f"edge list {path} names no edge; write one a line as i,j, or take a lattice of radius "
            "0 for oscillators without couplings"
        )
    edges = np.array(pairs, np.int64)
    return from_edges(edges, oscillators, shape, name=f"edge list {path.name}")


MOST_OSCILLATORS = 4096
"""For more, the list of all pairs alone takes a hundred megabytes."""


def _check_size(rows: int, columns: int) -> None:
    if rows < 1 or columns < 1:
        raise InvalidInput(f"an array of {rows} x {columns} has no oscillators; use 1 x 1 or more")
    if rows * columns > MOST_OSCILLATORS:
        raise InvalidInput(
            f"an array of {rows} x {columns} has {rows * columns} oscillators, more than the "
            f"{MOST_OSCILLATORS} that can be laid out; use a smaller one"
        )


def checked_ends(ends: ArrayLike, count: int, oscillators: int, name: str) -> IntArray:
    """Return `ends` as `[n, count]` numbers of distinct oscillators; messages call them `name`.

    Raises:
        InvalidInput: the shape is wrong, or an entry is not an oscillator's number.
    """
    array = np.asarray(ends)
    if array.ndim != 2 or array.shape[1] != count:
        raise InvalidInput(f"{name} must have shape [n, {count}], not {array.shape}")
    if array.size and array.dtype.kind not in "iu":
        raise InvalidInput(f"{name} are {array.dtype} values; give whole oscillator numbers")
    outside = (array < 0) | (array >= oscillators)
    if outside.any():
        raise InvalidInput(
            f"{name} name oscillator {array[outside][0]}, outside 0 to {oscillators - 1}; count "
            "from zero"
        )
    ordered = np.sort(array, axis=1)
    same = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if same.any():
        raise InvalidInput(
            f"{name} join an oscillator to itself in {array[same][0].tolist()}; remove it"
        )
    return array.astype(np.int64)


def _refuse_doubled(ends: IntArray, name: str) -> IntArray:
    # The order of the last two ends does not matter; a gate's first end is distinct.
    ordered = np.concatenate([ends[:, :-2], np.sort(ends[:, -2:], axis=1)], axis=1)
    unique, counts = np.unique(ordered, axis=0, return_counts=True)
    if (counts > 1).any():
        raise InvalidInput(f"{name} hold {unique[counts > 1][0].tolist()} more than once; keep one")
    return unique.reshape(-1, ends.shape[1])
