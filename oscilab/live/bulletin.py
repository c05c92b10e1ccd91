"""What the run's thread leaves for the thread that publishes: the newest, and a bounded backlog.

The run only puts references and numbers here; whatever takes time is done by the other thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oscilab.types import Float64Array

if TYPE_CHECKING:
    from oscilab.learning.training import Measured

MOST_ROWS = 8192
"""Measured batches between two messages; of more the oldest are left out, and counted."""
MOST_NOTES = 20
ROW = ("step", "node", "loss", "gradient_norm", "redrawn", "projected", "elapsed")
SMOOTHING = 0.1
"""Weight of the newest step in the rate from which the time left is estimated."""


@dataclass
class Work:
    """A task of the run as it is now; `rate` is steps a second, None before it is known."""

    name: str = "preparing"
    done: int = 0
    total: int = 0
    rate: float | None = None
    figures: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def left_s(self) -> float | None:
        """Seconds to its end."""
        return (self.total - self.done) / self.rate if self.rate else None


@dataclass(frozen=True, eq=False)
class Latest:
    """The batch that was measured last, and its node's parameters `[parameter]`."""

    step: int
    batch: Measured
    parameters: Float64Array


class Bulletin:
    """Written by the run, read by the publisher; each call takes microseconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: deque[tuple[float, ...]] = deque(maxlen=MOST_ROWS)
        self._latest: Latest | None = None
        self._samples: Float64Array | None = None
        self._advanced: float | None = None
        self.work = Work()
        self.notes: deque[str] = deque(maxlen=MOST_NOTES)
        self.left_out = 0
        self.batches = 0
        self.began = time.monotonic()

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """A batch; see `Observer.measured`."""
        row = (
            step,
            batch.node,
            batch.loss,
            batch.gradient_norm,
            batch.redrawn,
            batch.projected,
            time.monotonic() - self.began,
        )
        latest = Latest(step, batch, parameters.copy())
        with self._lock:
            self.left_out += len(self._rows) == MOST_ROWS
            self._rows.append(row)
            self._latest = latest
            self.batches += 1

    def sampled(self, samples: Float64Array) -> None:
        """Samples; only the newest lot is kept until it is published."""
        with self._lock:
            self._samples = samples

    def begin_work(self, name: str, total: int, done: int = 0) -> None:
        """A task begins, `done` steps of it done before."""
        with self._lock:
            self.work = Work(name, done, total)
            self._advanced = None

    def advance(self, n: int, figures: dict[str, float], held_s: float) -> None:
        """`n` more steps of it; `held_s` is how long the run was held so far."""
        now = time.monotonic() - held_s
        with self._lock:
            work = self.work
            if self._advanced is not None:
                each = (now - self._advanced) / n
                # Times add, rates do not.
                mean = 1 / work.rate if work.rate else each
                work.rate = 1 / max(mean + SMOOTHING * (each - mean), 1e-9)
            self._advanced = now
            work.done += n
            work.figures = {**work.figures, **figures}

    def note(self, sentence: str) -> None:
        """Something that the run's user should know."""
        with self._lock:
            self.notes.append(sentence)

    def take_rows(self) -> dict[str, NDArray[Any]]:
        """Columns of the batches since the last call, empty where nothing was measured."""
        with self._lock:
            rows = list(self._rows)
            self._rows.clear()
        if not rows:
            return {}
        table = np.array(rows, np.float64)
        return dict(zip(ROW, table.T, strict=True))

    def take_latest(self) -> Latest | None:
        """The newest batch, once."""
        with self._lock:
            latest, self._latest = self._latest, None
        return latest

    def take_samples(self) -> Float64Array | None:
        """The newest samples, once."""
        with self._lock:
            samples, self._samples = self._samples, None
        return samples
