"""What one training step leaves in the run file."""

from __future__ import annotations

import numpy as np

from oscilab.learning.training import Measured
from oscilab.traces.plan import BatchFlag
from oscilab.traces.writer import RunWriter

NOTHING = BatchFlag(0)


def log_step(
    writer: RunWriter,
    step: int,
    measured: list[Measured],
    first: int,
    log_every: int,
    now: float,
    first_status: BatchFlag,
) -> None:
    """Rows of one step, whose first is number `first` of the run, and those readings that are kept.

    `now` is the seconds of the run so far; `first_status` is said of the first row as well.
    """
    redrawn = np.array([each.redrawn for each in measured])
    projected = np.array([each.projected for each in measured])
    status = BatchFlag.REDRAWN * (redrawn > 0) + BatchFlag.PROJECTED * (projected > 0)
    status[0] |= first_status
    writer.append(
        step=step,
        node=np.array([each.node for each in measured]),
        loss=np.array([each.loss for each in measured]),
        gradient_norm=np.array([each.gradient_norm for each in measured]),
        redrawn=redrawn,
        projected=projected,
        elapsed=now,
        status=status,
    )
    for offset, each in enumerate(measured):
        if log_every and (first + offset) % log_every == 0:
            writer.append_reading(row=first + offset, reading=each.reading, targets=each.targets)
