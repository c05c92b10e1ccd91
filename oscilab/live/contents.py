"""The contents of a run's messages: what is said of the run, of a batch, of its state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.readings import ForceReading
from oscilab.arrays.seam import Supervised
from oscilab.live.bulletin import Bulletin, Latest
from oscilab.observer import Observed
from oscilab.physics import Potential
from oscilab.types import Float64Array

MOST_NUMBERS = 1 << 16
"""Of one quantity in a message: of a large array fewer points are shown."""
MOST_SAMPLES = 64
MOST_ENDS = 3
Content = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def facts(run: Observed) -> Content:
    """What does not change while the run lasts."""
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
    """Name, first parameter and the one after the last of each kind of term."""
    return [(each.name, each.where.start, each.where.stop) for each in potential.families.values()]


def ends_of(potential: Potential) -> NDArray[np.int32]:
    """The oscillators that each parameter touches, `[parameter, 3]`, -1 for none."""
    ends = np.full((potential.parameters, MOST_ENDS), -1, np.int32)
    for each in potential.families.values():
        ends[each.where, : each.term.ends] = each.ends
    return ends


def reading(latest: Latest) -> Content:
    """A measured batch: readings `[shot, oscillator]`, and the node's parameters `[parameter]`."""
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
    """How many points of a reading `[shot, oscillator]` go into a message."""
    return max(1, min(len(values), MOST_NUMBERS // max(1, values.shape[1])))


def samples(values: Float64Array) -> Content:
    """The last samples `[sample, ...]`, and how many there were."""
    return {"count": len(values)}, {"samples": np.asarray(values[-MOST_SAMPLES:], np.float32)}


def status(bulletin: Bulletin, state: str, refused: int, run: Observed) -> dict[str, Any]:
    """How the run is doing."""
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
    """`value` as JSON can carry it."""
    return float(value) if value is not None and math.isfinite(value) else None


def columns(rows: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The rows of measured batches as they travel."""
    return {name: np.asarray(values, np.float64) for name, values in rows.items()}
