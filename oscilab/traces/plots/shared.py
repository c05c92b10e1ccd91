"""What several pictures of a run need."""

from __future__ import annotations

from typing import Any

from oscilab.errors import InvalidInput
from oscilab.physics import Protocol
from oscilab.traces.layout_array import read_potential, read_schedule
from oscilab.traces.run import Run
from oscilab.types import Float64Array

Values = Float64Array


def heading(run: Run) -> str:
    """The run's name, and whether its data are simulated."""
    origin = "simulated" if run.provenance.simulated else "measured"
    return f"{run.path.stem} ({origin})"


def newest_protocol(run: Run) -> tuple[Protocol, str]:
    """The protocol as trained, or that of the last checkpoint, and which of them it is.

    Raises:
        InvalidInput: the run holds neither.
    """
    try:
        return run.protocol(), "as trained" if run.kind == "train" else "as played"
    except InvalidInput:
        step, parameters, _ = run.checkpoint()
        entry = run.sources[0].entry
        schedule, noising = read_schedule(entry)
        return Protocol(read_potential(entry), schedule, parameters, noising), f"after step {step}"


def group(run: Run, name: str) -> Any:
    """The tree's node of that name; xarray types it as if it might be a variable."""
    return run.tree[name]


def need(run: Run, stream: str, what: str) -> None:
    """Refuse to draw what the run does not hold.

    Raises:
        InvalidInput: naming the picture.
    """
    if stream not in run.tree or not int(group(run, stream)["n_committed"]):
        raise InvalidInput(f"run {run.path} holds no {what}, so there is nothing to draw of it")
