"""The messages of a run: the bulletin that its thread fills, their contents, and their frames.

The run only puts references and numbers into the `Bulletin`. The publishing thread does everything
that takes time. FORMAT.md lists the kinds of messages and their contents.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.readings import ForceReading
from oscilab.arrays.seam import Supervised
from oscilab.errors import InvalidInput
from oscilab.observer import Observed
from oscilab.physics import Potential
from oscilab.types import Float64Array

if TYPE_CHECKING:
    from oscilab.learning.training import Measured

VERSION = 1
TOPIC = f"oscilab-live-{VERSION}/"
TYPES = ("<f4", "<f8", "<i4", "<i8")
"""The allowed types of arrays in a message, in NumPy's notation."""
MOST_ARRAYS = 16
MOST_HEADER = 4 << 20
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Message:
    """One message of a run.

    `number` counts messages, so that a viewer detects missed ones. `run` is the identity of the
    run, which changes when it is resumed. `sent` is in seconds, UTC.
    """

    kind: str
    run: str
    number: int
    sent: float
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    arrays: Arrays = field(default_factory=dict[str, NDArray[Any]])


def pack(message: Message) -> list[bytes | memoryview]:
    """Return the frames of a message. Arrays must have one of `TYPES` and are not copied."""
    listed: list[tuple[str, str, list[int]]] = []
    frames: list[bytes | memoryview] = []
    for name, values in message.arrays.items():
        array = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        listed.append((name, array.dtype.str, list(array.shape)))
        frames.append(array.data.cast("B") if array.size else b"")
    header = {
        "version": VERSION,
        "run": message.run,
        "number": message.number,
        "sent": message.sent,
        "body": message.body,
        "arrays": listed,
    }
    # Values that are not finite are sent in arrays only: JSON has none.
    text = json.dumps(header, separators=(",", ":"), allow_nan=False)
    return [f"{TOPIC}{message.kind}".encode(), text.encode(), *frames]


def unpack(frames: Sequence[bytes]) -> Message:
    """Return the message in the frames.

    Raises:
        InvalidInput: they are not a message, or one of another version.
    """
    try:
        return _unpacked(frames)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(
            f"a message of the live stream cannot be read ({error}); view the run with the version "
            "of oscilab that makes it"
        ) from error


def _unpacked(frames: Sequence[bytes]) -> Message:
    topic, text, *parts = frames
    kind = topic.decode()
    if not kind.startswith(TOPIC):
        raise ValueError(f"topic {kind[:40]!r} does not begin with {TOPIC}")
    if len(text) > MOST_HEADER:
        raise ValueError(f"its header has {len(text)} bytes, more than {MOST_HEADER}")
    header = cast(dict[str, Any], json.loads(text))
    listed = cast(list[tuple[str, str, list[int]]], header["arrays"])
    if len(listed) != len(parts) or len(parts) > MOST_ARRAYS:
        raise ValueError(f"it lists {len(listed)} arrays and carries {len(parts)}")
    arrays: dict[str, NDArray[Any]] = {}
    for (name, kind_of, shape), part in zip(listed, parts, strict=True):
        if kind_of not in TYPES:
            raise ValueError(f"array {name} is of type {kind_of!r}")
        arrays[str(name)] = np.frombuffer(part, kind_of).reshape(shape)
    return Message(
        kind=kind.removeprefix(TOPIC),
        run=str(header["run"]),
        number=int(header["number"]),
        sent=float(header["sent"]),
        body=dict(header["body"]),
        arrays=arrays,
    )


MOST_ROWS = 8192
"""The most batches between two messages; the oldest of more are dropped, and counted."""
MOST_NOTES = 20
ROW = ("step", "node", "loss", "gradient_norm", "redrawn", "projected", "elapsed")
SMOOTHING = 0.1
"""Weight of the newest step in the rate from which the time left is estimated."""


@dataclass
class Work:
    """The current task of the run; `rate` is in steps per second, None if not yet known."""

    name: str = "preparing"
    done: int = 0
    total: int = 0
    rate: float | None = None
    figures: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def left_s(self) -> float | None:
        """The estimated time left, in s."""
        return (self.total - self.done) / self.rate if self.rate else None


@dataclass(frozen=True, eq=False)
class Latest:
    """The last measured batch, and its node's parameters `[parameter]`."""

    step: int
    batch: Measured
    parameters: Float64Array


class Bulletin:
    """Data written by the run and read by the publisher; each call takes microseconds."""

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
        """Add a batch; see `Observer.measured`."""
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
        """Replace the samples that are to be published."""
        with self._lock:
            self._samples = samples

    def begin_work(self, name: str, total: int, done: int = 0) -> None:
        """Start a task, of which `done` steps are already done."""
        with self._lock:
            self.work = Work(name, done, total)
            self._advanced = None

    def advance(self, n: int, figures: dict[str, float], held_s: float) -> None:
        """Count `n` more steps; `held_s` is the total time for which the run was paused."""
        now = time.monotonic() - held_s
        with self._lock:
            work = self.work
            if self._advanced is not None:
                each = (now - self._advanced) / n
                # Average times, not rates.
                mean = 1 / work.rate if work.rate else each
                work.rate = 1 / max(mean + SMOOTHING * (each - mean), 1e-9)
            self._advanced = now
            work.done += n
            work.figures = {**work.figures, **figures}

    def note(self, sentence: str) -> None:
        """Add a note to the user."""
        with self._lock:
            self.notes.append(sentence)

    def take_rows(self) -> dict[str, NDArray[Any]]:
        """Return and clear the columns of new batches; empty if there are none."""
        with self._lock:
            rows = list(self._rows)
            self._rows.clear()
        if not rows:
            return {}
        table = np.array(rows, np.float64)
        return dict(zip(ROW, table.T, strict=True))

    def take_latest(self) -> Latest | None:
        """Return and clear the newest batch."""
        with self._lock:
            latest, self._latest = self._latest, None
        return latest

    def take_samples(self) -> Float64Array | None:
        """Return and clear the newest samples."""
        with self._lock:
            samples, self._samples = self._samples, None
        return samples


MOST_NUMBERS = 1 << 16
"""The most values of one quantity in a message; of a large array fewer points are sent."""
MOST_SAMPLES = 64
MOST_ENDS = 3
Content = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def facts_content(run: Observed) -> Content:
    """Return the content of the message `facts`."""
    description = run.array.description
    potential, identity = description.potential, description.identity
    body: dict[str, Any] = {
        "path": str(run.path.resolve()),
        "title": run.title,
        "steps": run.steps,
        "layout": list(potential.topology.shape),
        "topology": potential.topology.name,
        "sample": list(run.shape),
        "device": identity.name,
        "simulated": identity.simulated,
        "families": families_of(potential),
    }
    arrays: dict[str, NDArray[Any]] = {
        "nodes": np.asarray(run.nodes, np.float64),
        "edges": np.asarray(potential.topology.edges, np.int32),
        "ends": ends_of(potential),
        "lower": np.asarray(description.box.lower, np.float64),
        "upper": np.asarray(description.box.upper, np.float64),
    }
    return body, arrays


def families_of(potential: Potential) -> list[tuple[str, int, int]]:
    """Return (name, first parameter, last parameter plus one) of each kind of term."""
    return [(each.name, each.where.start, each.where.stop) for each in potential.families.values()]


def ends_of(potential: Potential) -> NDArray[np.int32]:
    """Return the oscillators that each parameter touches, `[parameter, 3]`, -1 for none."""
    ends = np.full((potential.parameters, MOST_ENDS), -1, np.int32)
    for each in potential.families.values():
        ends[each.where, : each.term.ends] = each.ends
    return ends


def reading_content(latest: Latest) -> Content:
    """Return the message of a measured batch, with the node's parameters `[parameter]`."""
    batch, read = latest.batch, latest.batch.reading
    if isinstance(read, ForceReading):
        named = {"set_points": read.set_points, "positions": read.positions, "forces": read.forces}
    else:
        named = {"set_points": read.set_points, "positions": read.start, "ends": read.end}
    if batch.residuals is not None:
        named["residuals"] = batch.residuals
    arrays: dict[str, NDArray[Any]] = {
        name: np.asarray(values[: shots_shown(values)], np.float32)
        for name, values in named.items()
    }
    arrays["parameters"] = np.asarray(latest.parameters, np.float32)
    return {"step": latest.step, "node": batch.node}, arrays


def shots_shown(values: NDArray[Any]) -> int:
    """Return how many points of a reading `[shot, oscillator]` to send."""
    return max(1, min(len(values), MOST_NUMBERS // max(1, values.shape[1])))


def samples_content(values: Float64Array) -> Content:
    """Return the content of the message `samples`: the last ones, and their number."""
    return {"count": len(values)}, {"samples": np.asarray(values[-MOST_SAMPLES:], np.float32)}


def status_body(bulletin: Bulletin, state: str, refused: int, run: Observed) -> dict[str, Any]:
    """Return the content of the message `status`."""
    work = bulletin.work
    supervised = run.array if isinstance(run.array, Supervised) else None
    return {
        "state": state,
        "work": work.name,
        "done": work.done,
        "total": work.total,
        "rate": finite(work.rate),
        "left_s": finite(work.left_s),
        "figures": {name: finite(value) for name, value in work.figures.items()},
        "batches": bulletin.batches,
        "left_out": bulletin.left_out,
        "refused": refused,
        "notes": list(bulletin.notes),
        "condition": asdict(supervised.condition()) if supervised else None,
    }


def finite(value: float | None) -> float | None:
    """Return `value`, or None if it is not finite, for JSON."""
    return float(value) if value is not None and math.isfinite(value) else None


def batches_content(rows: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the content of the message `batches`."""
    return {name: np.asarray(values, np.float64) for name, values in rows.items()}
