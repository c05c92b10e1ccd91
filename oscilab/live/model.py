"""A viewer's model of a run, built from messages in bounded memory.

Messages come from the live run or are made from its file; the model does not distinguish them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.live.stream import Message
from oscilab.types import Float64Array, FloatArray, IntArray

BINS = 1024


class Curves:
    """Means of quantities over training steps, one curve for each node of the protocol.

    There are at most `BINS` bins of `stride` steps. For a step beyond them the stride doubles.
    """

    def __init__(self, quantities: tuple[str, ...], nodes: int, steps: int = 0) -> None:
        self.quantities = quantities
        self.nodes = nodes
        self.stride = 1
        while steps > BINS * self.stride:
            self.stride *= 2
        self._sums = np.zeros((len(quantities), BINS, nodes))
        self._counts = np.zeros((BINS, nodes), np.int64)

    def add(self, step: IntArray, node: IntArray, *values: Float64Array) -> None:
        """Add measured batches, `[row]` each; values that are not finite are skipped."""
        table = np.array(values)
        good = np.isfinite(table).all(axis=0) & (step >= 0) & (node >= 0) & (node < self.nodes)
        if not good.any():
            return
        step, node, table = step[good], node[good], table[:, good]
        while int(step.max()) >= BINS * self.stride:
            self._halve()
        place = (step // self.stride, node)
        np.add.at(self._counts, place, 1)
        for sums, column in zip(self._sums, table, strict=True):
            np.add.at(sums, place, column)

    def steps(self) -> Float64Array:
        """Return the middle of each bin that is not empty, `[bin]`."""
        filled = np.flatnonzero(self._counts.any(axis=1))
        middle = filled.astype(np.float64) + 0.5
        return middle * self.stride + 0.5

    def table(self, quantity: str) -> Float64Array:
        """Return the means `[bin, node]` for the same bins, NaN where a node has no value."""
        filled = self._counts.any(axis=1)
        sums, counts = self._sums[self.quantities.index(quantity)][filled], self._counts[filled]
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def mean(self, quantity: str) -> Float64Array:
        """Return the mean over all nodes that have a value, `[bin]`."""
        filled = self._counts.any(axis=1)
        sums, counts = self._sums[self.quantities.index(quantity)][filled], self._counts[filled]
        per_node = sums / np.maximum(counts, 1)
        return per_node.sum(axis=1) / np.maximum((counts > 0).sum(axis=1), 1)

    def _halve(self) -> None:
        half = BINS // 2
        for table in (*self._sums, self._counts):
            table[:half] = table[0::2] + table[1::2]
            table[half:] = 0
        self.stride *= 2


class Traces:
    """A ring buffer of the last `LENGTH` readings of every channel."""

    LENGTH = 1024

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._ring = np.full((self.LENGTH, channels), np.nan, np.float32)
        self.count = 0

    def add(self, rows: FloatArray) -> None:
        """Add readings `[reading, channel]`."""
        rows = rows[-self.LENGTH :]
        places = (self.count + np.arange(len(rows))) % self.LENGTH
        self._ring[places] = rows
        self.count += len(rows)

    def recent(self) -> NDArray[np.float32]:
        """Return the readings `[reading, channel]`, newest last."""
        if self.count < self.LENGTH:
            return self._ring[: self.count]
        return np.roll(self._ring, -(self.count % self.LENGTH), axis=0)


MOST_PARAMETERS = 1 << 22
"""The most parameters of a protocol to store; of a larger one only the last slice is stored."""
TRACED = 8
"""Points of one reading that are added to the traces."""
CURVES = ("loss", "gradient_norm")


@dataclass(frozen=True, eq=False)
class Facts:
    """The facts that do not change during a run; FORMAT.md describes the arrays."""

    path: str
    title: str
    device: str
    simulated: bool
    steps: int
    layout: tuple[int, int]
    sample: tuple[int, int]
    topology: str
    families: tuple[tuple[str, int, int], ...]
    nodes: NDArray[Any]
    edges: NDArray[Any]
    ends: NDArray[Any]
    lower: NDArray[Any]
    upper: NDArray[Any]

    @property
    def oscillators(self) -> int:
        """The number of oscillators."""
        return self.layout[0] * self.layout[1]

    def family(self, name: str) -> slice | None:
        """Return the slice of the parameters of one kind of term."""
        found = [slice(start, stop) for each, start, stop in self.families if each == name]
        return found[0] if found else None

    def says_the_same(self, other: Facts) -> bool:
        """Return whether all facts are equal; runs repeat them for new viewers."""
        mine, theirs = vars(self), vars(other)
        return all(np.array_equal(mine[name], theirs[name]) for name in mine)

    @classmethod
    def of(cls, message: Message) -> Facts:
        """Return the facts in a message."""
        body, arrays = message.body, message.arrays
        rows, columns = body["layout"]
        high, wide = body["sample"]
        return cls(
            path=str(body["path"]),
            title=str(body["title"]),
            device=str(body["device"]),
            simulated=bool(body["simulated"]),
            steps=int(body["steps"]),
            layout=(int(rows), int(columns)),
            sample=(int(high), int(wide)),
            topology=str(body["topology"]),
            families=tuple((str(name), int(a), int(b)) for name, a, b in body["families"]),
            **{name: arrays[name] for name in ("nodes", "edges", "ends", "lower", "upper")},
        )


class RunModel:
    """The current state of a run; `changed` has the kinds of messages since it was last cleared."""

    def __init__(self) -> None:
        self.facts: Facts | None = None
        self.status: Mapping[str, Any] = {}
        self.ending: Mapping[str, Any] = {}
        self.figures: Mapping[str, float] = {}
        self.curves: Curves | None = None
        self.traces: dict[str, Traces] = {}
        self.reading: Mapping[str, NDArray[Any]] = {}
        self.node = 0
        self.step = 0
        self.parameters: dict[int, NDArray[Any]] = {}
        self.samples: NDArray[Any] | None = None
        self.samples_count = 0
        self.changed: set[str] = set()

    def take(self, message: Message) -> None:
        """Update the model by a message. Messages of unknown kinds are ignored.

        Raises:
            KeyError, TypeError, ValueError: the message lacks an entry.
        """
        take = getattr(self, f"_take_{message.kind}", None)
        if take is not None:
            take(message)
            self.changed.add(message.kind)

    def begin_again(self) -> None:
        """Clear status and ending when the run is resumed."""
        self.ending = {}
        self.status = {}
        self.changed.add("status")

    @property
    def oscillators(self) -> int:
        """The number of oscillators, 0 before it is known."""
        return self.facts.oscillators if self.facts else 0

    def _take_facts(self, message: Message) -> None:
        facts = Facts.of(message)
        if self.facts is not None and facts.says_the_same(self.facts):
            return
        if self.facts is None or len(self.facts.nodes) != len(facts.nodes):
            self.curves = Curves(CURVES, len(facts.nodes), facts.steps)
        self.facts = facts

    def _take_status(self, message: Message) -> None:
        self.status = message.body

    def _take_end(self, message: Message) -> None:
        self.ending = message.body

    def _take_batches(self, message: Message) -> None:
        columns = message.arrays
        step, node = columns["step"].astype(np.int64), columns["node"].astype(np.int64)
        if self.curves is not None:
            self.curves.add(step, node, *(columns[name] for name in CURVES))

    def _take_reading(self, message: Message) -> None:
        arrays = dict(message.arrays)
        self.step, self.node = int(message.body["step"]), int(message.body["node"])
        parameters = arrays.pop("parameters")
        if not self.facts or parameters.size * len(self.facts.nodes) > MOST_PARAMETERS:
            self.parameters.clear()
        self.parameters[self.node] = parameters
        self.reading = arrays
        for name, values in arrays.items():
            if name not in self.traces or self.traces[name].channels != values.shape[1]:
                self.traces[name] = Traces(values.shape[1])
            self.traces[name].add(values[:TRACED])

    def _take_samples(self, message: Message) -> None:
        self.samples = message.arrays["samples"]
        self.samples_count = int(message.body["count"])

    def _take_protocol(self, message: Message) -> None:
        """Take parameters `[node, parameter]` from the file."""
        table = message.arrays["parameters"]
        if table.size <= MOST_PARAMETERS:
            known = {node: row for node, row in enumerate(table) if np.isfinite(row).all()}
            self.parameters = {**known, **self.parameters}

    def _take_figures(self, message: Message) -> None:
        self.figures = dict(message.body)
