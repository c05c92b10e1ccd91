"""Run files: everything measured, in HDF5."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oscilab.traces.plan import Provenance, RunPlan
    from oscilab.traces.run import Run, open_run
    from oscilab.traces.writer import RunWriter

__all__ = ["Provenance", "Run", "RunPlan", "RunWriter", "open_run"]

_HOMES = {
    "Provenance": "oscilab.traces.plan",
    "Run": "oscilab.traces.run",
    "RunPlan": "oscilab.traces.plan",
    "RunWriter": "oscilab.traces.writer",
    "open_run": "oscilab.traces.run",
}


def __getattr__(name: str) -> object:
    # Imported when first used: much of this package is needed without HDF5.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'oscilab.traces' has no attribute {name!r}")
