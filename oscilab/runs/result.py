"""What a run leaves: its file, its picture and how good it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oscilab.physics.protocol import Protocol
from oscilab.types import Float64Array


@dataclass(frozen=True, eq=False)
class RunResult:
    """A finished run.

    `path` is the run file, `picture` its PNG; `samples` `[sample, feature]` are in the data's own
    units, as the run's readout gives them; `figures` are the figures of merit by name.
    """

    path: Path
    picture: Path
    protocol: Protocol = field(repr=False)
    samples: Float64Array = field(repr=False)
    figures: Mapping[str, float]
