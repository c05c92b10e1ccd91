"""oscilab: train and run generative models in a physical array of oscillators.

    import oscilab

    run = oscilab.train("digits", device="sim")
    print(run.figures["class_share"], run.picture)
    more = oscilab.sample(run.path, n=256)

The public surface is this module and what these packages export: `oscilab.physics`,
`oscilab.arrays`, `oscilab.learning`, `oscilab.experiment`, `oscilab.data`, `oscilab.merit`,
`oscilab.bench`, `oscilab.live`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oscilab.runs import RunResult, sample, train
    from oscilab.traces.run import open_run

    __version__: str

__all__ = ["RunResult", "__version__", "open_run", "sample", "train"]

_HOMES = {
    "RunResult": "oscilab.runs",
    "open_run": "oscilab.traces.run",
    "sample": "oscilab.runs",
    "train": "oscilab.runs",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    # Imported when first used: `oscilab --help` should not wait for HDF5.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "__version__":
        return version("oscilab")
    raise AttributeError(f"module 'oscilab' has no attribute {name!r}")
