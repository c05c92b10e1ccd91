"""A run's state as rows of words, for the window and for the terminal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from oscilab.live.model import RunModel
from oscilab.live.session import Session

Row = tuple[str, str, bool]
"""A name, a value, and whether that is as it should be."""


def progress_rows(session: Session) -> list[Row]:
    """What the run is at, how far, and how long it will take."""
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
    """Outputs, limits and interlocks."""
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
    if lock["holds"] is None:
        return f"{lock['channel']}, not read alone", True
    word = "holds" if lock["holds"] else "TRIPPED"
    return f"{word}: {lock['channel']} reads {lock['reads']:.3g}", bool(lock["holds"])


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
