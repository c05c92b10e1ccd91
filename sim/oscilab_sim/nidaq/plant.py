"""What is soldered to the virtual boards: the seam, and signals for tests without an array."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.types import Float64Array, IntArray, Volts

Signal = float | str | Callable[[Float64Array], Float64Array]
"""What an input sees: a voltage, the output that is wired to it, or volts of times in seconds."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Outputs over a time: `levels` `[output, step]`, each held for `samples` `[step]`.

    The whole is played `repeats` times at `rate_hz`; `outputs` names the rows, the others hold.
    """

    outputs: Sequence[str]
    levels: Volts
    samples: IntArray
    rate_hz: float
    repeats: int = 1

    @property
    def length(self) -> int:
        """Samples in one repeat."""
        return int(self.samples.sum())


class Plant(Protocol):
    """Whatever the boards' lines lead to, under the server's clock."""

    def level(self, output: str) -> float:
        """What an output is at; 0 where it was never driven."""
        ...

    def set_levels(self, levels: Mapping[str, float]) -> None:
        """Put outputs at volts, or lines at 0 or 1, at once."""
        ...

    def advance(self, seconds: float) -> None:
        """Let time pass, outputs held."""
        ...

    def read(self, inputs: Sequence[str], samples: int) -> Volts:
        """Readings `[input, sample]` at this instant."""
        ...

    def run(self, stretch: Stretch, inputs: Sequence[str], read: IntArray) -> Volts:
        """Play `stretch`: readings `[input, repeat, reading]` as the samples `read` end."""
        ...


class Signals:
    """Inputs that see given signals; digital lines read what they are driven to.

    Raises:
        InvalidInput: a signal for an input that is not there.
    """

    def __init__(self, inputs: Sequence[str], signals: Mapping[str, Signal]) -> None:
        self._sources = dict(signals)
        for name in signals:
            if name not in inputs:
                raise InvalidInput(
                    f"a signal was given for {name}, which is no input of the virtual boards; name "
                    "one such as Dev1/ai0 or Dev1/port0/line0"
                )
        self.levels: dict[str, float] = {}
        self.seconds = 0.0
        self.history: list[tuple[float, dict[str, float]]] = []
        """Every static change: seconds, and the outputs that were set."""

    def set_signal(self, name: str, signal: Signal) -> None:
        """What an input sees from now on."""
        self._sources[name] = signal

    def level(self, output: str) -> float:
        """What an output is at."""
        return self.levels.get(output, 0.0)

    def set_levels(self, levels: Mapping[str, float]) -> None:
        """Put outputs at volts at once."""
        self.levels |= levels
        self.history.append((self.seconds, dict(levels)))

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def read(self, inputs: Sequence[str], samples: int) -> Volts:
        """Readings `[input, sample]` at this instant."""
        times = np.full(samples, self.seconds)
        return np.stack([self._seen(name, times, self.levels) for name in inputs])

    def run(self, stretch: Stretch, inputs: Sequence[str], read: IntArray) -> Volts:
        """Play `stretch`, and read as each of the samples `read` ends."""
        begins = np.arange(stretch.repeats)[:, np.newaxis] * stretch.length
        times = self.seconds + ((begins + read + 1) / stretch.rate_hz).ravel()
        steps = np.searchsorted(np.cumsum(stretch.samples), read, side="right")
        moving: dict[str, Volts] = {
            name: np.tile(row[steps], stretch.repeats)
            for name, row in zip(stretch.outputs, stretch.levels, strict=True)
        }
        volts = [self._seen(name, times, {**self.levels, **moving}) for name in inputs]
        last = stretch.levels[:, -1].tolist()
        self.levels |= dict(zip(stretch.outputs, last, strict=True))
        self.seconds += stretch.repeats * stretch.length / stretch.rate_hz
        shape = (len(inputs), stretch.repeats, len(read))
        return np.reshape(volts, shape) if inputs else np.empty(shape)

    def _seen(self, name: str, times: Float64Array, levels: Mapping[str, float | Volts]) -> Volts:
        source = self._sources.get(name, name)
        if isinstance(source, str):
            source = levels.get(source, 0.0)
        if callable(source):
            source = source(times)
        return np.broadcast_to(np.asarray(source, np.float64), times.shape).copy()
