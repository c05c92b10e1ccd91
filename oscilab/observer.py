"""The seam between a run and an observer of its data, beside `Progress`.

A run hands over references to what it has measured and does not wait. An observer can pause it, but
only between two batches.
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

    `steps` is the number of training steps, 0 where the run only samples; `shape` is the rows and
    columns in which a sample is shown.
    """

    path: Path
    title: str
    array: OscillatorArray
    nodes: Float64Array
    steps: int
    shape: tuple[int, int]


class Observer(Progress, Protocol):
    """What a run reports, and where it can be paused or stopped."""

    def begin(self, run: Observed) -> None:
        """The run file exists, and nothing is measured yet."""
        ...

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """One batch of `step` was measured; `parameters` `[parameter]` are the node's from now on.

        The parameters change in place later, the batch does not. The run continues when this
        returns.

        Raises:
            MadeSafe: an operator stopped the run.
        """
        ...

    def sampled(self, samples: Float64Array) -> None:
        """Take samples `[sample, ...]` as they are shown, such as `[sample, pixel]`."""
        ...

    def end(self, how: Ending, reason: str) -> None:
        """The run has ended, its file is closed, its outputs are safe; always called."""
        ...


class Unobserved(Quiet):
    """An observer that ignores everything."""

    def begin(self, run: Observed) -> None:
        """Ignored."""

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """Ignored."""

    def sampled(self, samples: Float64Array) -> None:
        """Ignored."""

    def end(self, how: Ending, reason: str) -> None:
        """Ignored."""


class Watched(Together):
    """An observer that passes all on to `observer`, and progress to `progress` as well."""

    def __init__(self, progress: Progress | None, observer: Observer | None) -> None:
        self._observer = observer or Unobserved()
        super().__init__(progress or Quiet(), self._observer)

    def begin(self, run: Observed) -> None:
        """Pass on to the observer."""
        self._observer.begin(run)

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """Pass on to the observer."""
        self._observer.measured(step, batch, parameters)

    def sampled(self, samples: Float64Array) -> None:
        """Pass on to the observer."""
        self._observer.sampled(samples)

    def end(self, how: Ending, reason: str) -> None:
        """Pass on to the observer."""
        self._observer.end(how, reason)


@contextmanager
def end_told(observer: Observer) -> Generator[None]:
    """Tell the observer how the block ended."""
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
