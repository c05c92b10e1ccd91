"""One training as a point's work, on one core, so that points side by side do not compete."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import oscilab
from oscilab import RunResult

DEVICE = "one-core"
BENCH = f"""schema = 1
[devices.{DEVICE}]
array = "simulated"
[devices.{DEVICE}.settings]
threads = 1
"""
FEW = 1_000_000
"""One batch in so many keeps its readings: a study has no use for them."""


def train_here(folder: Path, experiment: str, settings: Mapping[str, Any]) -> RunResult:
    """Train into `folder`/run.h5; the array is the built-in one, held to one core."""
    bench = folder / "bench.toml"
    bench.write_text(BENCH, encoding="utf-8")
    return oscilab.train(
        experiment,
        DEVICE,
        bench=str(bench),
        overrides=settings,
        out=folder / "run.h5",
        log_batches=FEW,
    )
