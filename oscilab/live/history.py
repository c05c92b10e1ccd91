"""What a run file says, as the messages that a viewer would have had.

The file is open for as long as it is read and no longer: on Windows nobody may hold a file that its
writer wants to rename.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.live.contents import MOST_SAMPLES, ends_of, families_of, shots_shown
from oscilab.live.message import Arrays, Message
from oscilab.traces import hdf5
from oscilab.traces.layout_array import read_schedule
from oscilab.traces.run import Run, open_run

MOST_ROWS = 1 << 18
"""Of the training's rows more are thinned out."""
HISTORY = "history"


def read_history(path: Path) -> list[Message]:
    """Everything that the file has and a viewer shows, the state of the file at the end.

    Raises:
        InvalidInput: it is missing, or no run.
    """
    with open_run(path) as run:
        found = [*_facts(run), *_batches(run), *_protocol(run), *_reading(run), *_samples(run)]
        figures = {name: value for name, value in run.figures.items() if math.isfinite(value)}
        return [*found, _message("figures", figures), _message("file", {"status": run.status})]


def _message(kind: str, body: dict[str, Any], arrays: Arrays | None = None) -> Message:
    return Message(kind, HISTORY, 0, 0.0, body, arrays or {})


def _facts(run: Run) -> list[Message]:
    try:
        potential = run.potential
    except InvalidInput:
        # A term of a package that is not installed here: there are curves and no pictures.
        return []
    head = run.sources[0].entry
    schedule, _ = read_schedule(head)
    settings = run.configuration.get("settings", {})
    topology = potential.topology
    shape = run.configuration.get("data", {}).get("shape", topology.shape)
    body = {
        "path": str(run.path.resolve()),
        "title": hdf5.read_text(head["title"]),
        "device": str(run.configuration.get("device", run.provenance.identity.name)),
        "simulated": run.provenance.simulated,
        "steps": int(settings.get("steps", 0)) if run.kind == "train" else 0,
        "layout": list(topology.shape),
        "sample": list(shape),
        "topology": topology.name,
        "families": families_of(potential),
    }
    arrays = {
        "nodes": schedule.nodes,
        "edges": topology.edges.astype(np.int32),
        "ends": ends_of(potential),
        "lower": head["array/parameter_lower"][:],
        "upper": head["array/parameter_upper"][:],
    }
    return [_message("facts", body, arrays)]


def _batches(run: Run) -> list[Message]:
    if run.kind != "train" or not run.n_committed:
        return []
    tree: Any = run.tree
    training = tree["training"]
    every = max(1, math.ceil(run.n_committed / MOST_ROWS))
    # A stride that shares no factor with the nodes comes round to each of them.
    nodes = run.sources[0].entry["node"].shape[0]
    while math.gcd(every, nodes) > 1:
        every += 1
    names = {
        "step": "step",
        "node": "node_number",
        "loss": "loss",
        "gradient_norm": "gradient_norm",
    }
    columns = {
        name: training[column][::every].to_numpy().astype(np.float64)
        for name, column in names.items()
    }
    return [_message("batches", {}, columns)]


def _protocol(run: Run) -> list[Message]:
    try:
        parameters = run.protocol().parameters
    except InvalidInput:
        try:
            _, parameters, _ = run.checkpoint()
        except InvalidInput:
            return []
    return [_message("protocol", {}, {"parameters": np.asarray(parameters, np.float32)})]


def _reading(run: Run) -> list[Message]:
    if "readings" not in run.tree.children or not run.extent.total("readings"):
        return []
    tree: Any = run.tree
    readings = tree["readings"]
    # By its number: rows before it may be lost.
    row = tree["training"].sel(batch=int(readings["batch"][-1]))
    node, step = int(row["node_number"]), int(row["step"])
    names = {"set_points": "set_points", "positions": "positions", "forces": "forces"}
    names |= {"start": "positions", "end": "ends"}
    arrays = {
        shown: np.asarray(readings[stored][-1], np.float32)
        for stored, shown in names.items()
        if stored in readings
    }
    arrays = {name: values[: shots_shown(values)] for name, values in arrays.items()}
    found = _protocol(run)
    if not found or not arrays:
        return []
    arrays["parameters"] = found[0].arrays["parameters"][node]
    return [_message("reading", {"node": node, "step": step}, arrays)]


def _samples(run: Run) -> list[Message]:
    for path in ("result/samples", "trajectory"):
        group: Any = run.tree
        for part in path.split("/"):
            group = group[part] if group is not None and part in group.children else None
        if group is None:
            continue
        if "shown" in group:
            values = group["shown"]
            last = values[-MOST_SAMPLES:].to_numpy()
            return [_message("samples", {"count": len(values)}, {"samples": last.astype("f4")})]
    return []
