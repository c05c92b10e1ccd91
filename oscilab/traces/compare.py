"""Compare runs: settings, losses and figures of merit side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.traces.run import Run
from oscilab.traces.summary import flat
from oscilab.types import Float64Array

LONGEST = 40
LAST_SHARE = 0.1


@dataclass(frozen=True)
class Comparison:
    """Rows by name, one value per run: settings that differ, losses, figures of merit."""

    settings: dict[str, list[str]]
    losses: dict[str, list[float | None]]
    figures: dict[str, list[float | None]]


def compare(runs: Sequence[Run]) -> Comparison:
    """Compare two or more runs.

    Raises:
        InvalidInput: fewer than two.
    """
    if len(runs) < 2:
        raise InvalidInput(f"{len(runs)} run makes no comparison; name two or more")
    settings = [{"status": run.status, **flat(run.configuration)} for run in runs]
    names = dict.fromkeys(name for each in settings for name in each)
    shown = {name: [short_text(each.get(name, "")) for each in settings] for name in names}
    return Comparison(
        settings={name: values for name, values in shown.items() if len(set(values)) > 1},
        losses=_side_by_side(
            [{f"loss at t = {t:.3g}": loss for t, loss in final_losses(run)} for run in runs]
        ),
        figures=_side_by_side([run.figures for run in runs]),
    )


def final_losses(run: Run) -> list[tuple[float, float]]:
    """Return noising time and mean loss over the last tenth of its batches, for every node."""
    if "training" not in run.tree:
        return []
    training: Any = run.tree["training"]
    loss: Float64Array = training["loss"].values
    node = training["node_number"].values
    schedule: Any = run.tree["schedule"]
    found: list[tuple[float, float]] = []
    for number, time in enumerate(schedule["nodes"].values):
        mine = loss[node == number]
        if len(mine):
            last = mine[-max(1, round(LAST_SHARE * len(mine))) :]
            found.append((float(time), float(np.mean(last))))
    return found


def _side_by_side(tables: Sequence[dict[str, float]]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: [table.get(name) for table in tables] for name in names}


def short_text(value: Any) -> str:
    """Return a setting as a short text for a table's cell."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
