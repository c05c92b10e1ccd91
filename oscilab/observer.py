"""The seam between a run and whoever looks at its data, or holds it; beside `Progress`.

A run hands over what it has anyway, and never waits for an observer, except where that one holds
it on purpose: between two batches.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from oscilab.progress import Progress, Quiet, Together
from oscilab.types import Float64Array

if TYPE_CHECKING:
    from oscilab.arrays.seam import OscillatorArray
    from oscilab.learning.training import Measured

Ending = Literal["finished", "interrupted", "failed"]


@dataclass(frozen=True, eq=False)
class Observed:
    """A run that begins: its file, its array, and the noising times `[node]` of its protocol.

    `steps` is how many training steps it takes, 0 where it only samples; `shape` is how a sample
    is shown, in rows and columns.
    """

    path: Path
    title: str
    array: OscillatorArray
    nodes: Float64Array
    steps: int
    shape: tuple[int, int]


class Observer(Progress, Protocol):
    """What a run tells, and where it may be held."""

    def begin(self, run: Observed) -> None:
        """The run file is there, and nothing is measured yet."""
        ...

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """One batch of `step` was measured; `parameters` `[parameter]` are the node's from now on.

        They change in place later, the batch does not. The run goes on when this returns.

        Raises:
            MadeSafe: the run is to end here.
        """
        ...

    def sampled(self, samples: Float64Array) -> None:
        """Samples `[sample, ...]` as they are shown, such as `[sample, pixel]`."""
        ...

    def end(self, how: Ending, reason: str) -> None:
        """The run is over, its file closed and its outputs safe; called whether it began or not."""
        ...


class Unobserved(Quiet):
    """Nobody looks."""

    def begin(self, run: Observed) -> None:
        """Ignored."""

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """Ignored."""

    def sampled(self, samples: Float64Array) -> None:
        """Ignored."""

    def end(self, how: Ending, reason: str) -> None:
        """Ignored."""


class Watched(Together):
    """Tells `observer` everything, and `progress` its part."""

    def __init__(self, progress: Progress | None, observer: Observer | None) -> None:
        self._observer = observer or Unobserved()
        super().__init__(progress or Quiet(), self._observer)

    def begin(self, run: Observed) -> None:
        """Tell the observer."""
        self._observer.begin(run)

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """Tell the observer."""
        self._observer.measured(step, batch, parameters)

    def sampled(self, samples: Float64Array) -> None:
        """Tell the observer."""
        self._observer.sampled(samples)

    def end(self, how: Ending, reason: str) -> None:
        """Tell the observer."""
        self._observer.end(how, reason)


@contextmanager
def end_told(observer: Observer) -> Generator[None]:
    """Tells the observer how the block ended."""
    try:
        yield
    except KeyboardInterrupt as error:
        observer.end("interrupted", str(error) or "stopped by Ctrl-C")
        raise
    except BaseException as error:
        observer.end("failed", str(error) or type(error).__name__)
        raise
    else:
        observer.end("finished", "")
