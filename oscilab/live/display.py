"""Display of a run in the window and in the terminal: its state as text, its values as colours.

The colour maps suit colour-blind readers. They are tables of red, green and blue, linear between a
few points. `SEQUENTIAL` goes from dark blue to yellow with increasing lightness, for unsigned
values. `DIVERGING` goes from blue over a neutral middle to orange, for signed values.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.live.model import RunModel
from oscilab.live.session import Session
from oscilab.types import FloatArray

Row = tuple[str, str, bool]
"""A name, a value, and whether the value is good."""


def progress_rows(session: Session) -> list[Row]:
    """Return the rows of the current task, its progress and the time left."""
    model, status = session.model, session.model.status
    rows: list[Row] = []
    if status:
        done, total = int(status.get("done", 0)), int(status.get("total", 0))
        rows.append((str(status.get("work")), f"{done} of {total}", True))
        rows.append(("time left", _left(status), True))
        rate = status.get("rate")
        rows.append(("speed", f"{rate:.3g} steps/s" if rate else "not known yet", True))
        rows.append(("batches", str(status.get("batches", 0)), True))
        for name, value in dict(status.get("figures") or {}).items():
            rows.append((name.replace("_", " "), "" if value is None else f"{value:.4g}", True))
    for name, value in list(model.figures.items())[:8]:
        rows.append((name.replace("_", " "), f"{value:.4g}", True))
    if status.get("refused"):
        rows.append(("refused requests", str(status["refused"]), False))
    if session.missed:
        rows.append(("messages missed", str(session.missed), True))
    return rows


def condition_rows(model: RunModel) -> list[Row]:
    """Return the rows of outputs, limits and interlocks."""
    rows: list[Row] = []
    condition: dict[str, Any] | None = model.status.get("condition")
    if condition:
        count = condition["outputs"]
        rows.append(("outputs", f"{count}, {'safe' if condition['is_safe'] else 'driven'}", True))
        if condition["volts"] is not None:
            at, low, high = condition["volts"], condition["lower"], condition["upper"]
            used = max(0.0, 2 * abs(at - (low + high) / 2) / (high - low))
            rows.append(("nearest limit", f"{condition['nearest']} {at:.4g} V", used < 1))
            rows.append(("", f"of {low:g} to {high:g} V ({100 * used:.0f} %)", used < 1))
        rows += [(f"interlock {lock['name']}", *_lock(lock)) for lock in condition["interlocks"]]
        if condition["interlocks"]:
            rows.append(("interlocks are", str(condition["watching"]), True))
        else:
            rows.append(("interlocks", "none", True))
    elif model.status:
        rows.append(("outputs", "none: a simulated array", True))
    rows += _box(model)
    return rows


def _lock(lock: dict[str, Any]) -> tuple[str, bool]:
    if lock["satisfied"] is None:
        return f"{lock['channel']}, not read alone", True
    word = "satisfied" if lock["satisfied"] else "TRIPPED"
    return f"{word}: {lock['channel']} reads {lock['reads']:.3g}", bool(lock["satisfied"])


def _box(model: RunModel) -> list[Row]:
    facts, current = model.facts, model.parameters.get(model.node)
    if facts is None or current is None or len(current) != len(facts.lower):
        return []
    span = facts.upper - facts.lower
    at = ((current <= facts.lower + 1e-6 * span) & (span > 0)).sum()
    at += ((current >= facts.upper - 1e-6 * span) & (span > 0)).sum()
    return [("at their bounds", f"{int(at)} of {len(current)} parameters", True)]


def _left(status: Any) -> str:
    left = status.get("left_s")
    return "not known yet" if left is None else str(timedelta(seconds=round(left)))


Colours = NDArray[np.uint8]


def _table(points: list[str]) -> Colours:
    ends = np.array([[int(text[k : k + 2], 16) for k in (1, 3, 5)] for text in points], float)
    place = np.linspace(0, len(points) - 1, 256)
    below = np.minimum(place.astype(int), len(points) - 2)
    share = (place - below)[:, np.newaxis]
    return np.rint(ends[below] * (1 - share) + ends[below + 1] * share).astype(np.uint8)


SEQUENTIAL = _table(["#00204c", "#31446b", "#666970", "#958f78", "#cab969", "#ffe945"])
DIVERGING = _table(["#053f7a", "#3a87c0", "#a6cbe3", "#f4f4f1", "#fcc48f", "#e07b1f", "#8a3a00"])
DIVERGING_DARK = _table(
    ["#a8d4ff", "#4a9fe0", "#22577f", "#22252b", "#7f4a12", "#e8872b", "#ffd9a8"]
)
"""Like `DIVERGING` with a dark middle, for a dark window."""


def colours(place: FloatArray, table: Colours) -> Colours:
    """Return red, green and blue `[..., 3]` of places from 0 to 1; grey for NaN."""
    known = np.isfinite(place)
    number = np.where(known, np.clip(place, 0.0, 1.0) * 255.0, 0.0).astype(np.intp)
    found = table[number]
    found[~known] = 128
    return found
