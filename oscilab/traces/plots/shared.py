"""Functions shared by the pictures of a run."""

from __future__ import annotations

from typing import Any

from oscilab.errors import InvalidInput
from oscilab.physics import Protocol
from oscilab.traces.layout_array import read_potential, read_schedule
from oscilab.traces.run import Run
from oscilab.types import Float64Array

Values = Float64Array


def heading(run: Run) -> str:
    """Return the run's name and whether its data are simulated, for a title."""
    origin = "simulated" if run.provenance.simulated else "measured"
    return f"{run.path.stem} ({origin})"


def newest_protocol(run: Run) -> tuple[Protocol, str]:
    """Return the protocol as trained, or that of the last checkpoint, and a text that says which.

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
    """Return a group of the run as `Any`; xarray's type includes variables."""
    return run.tree[name]


def need(run: Run, stream: str, what: str) -> None:
    """Check that the run has rows in `stream`, called `what` in the message.

    Raises:
        InvalidInput: it has none.
    """
    if stream not in run.tree or not int(group(run, stream)["n_committed"]):
        raise InvalidInput(f"run {run.path} holds no {what}, so there is nothing to draw of it")
