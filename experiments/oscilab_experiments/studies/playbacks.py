"""Samples while they form, from run files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from oscilab.data.encoder import encoder_from_table
from oscilab.traces.run import open_run
from oscilab.types import Float64Array

INSTANTS = (0, 8, 12, 14, 15, 16)
"""Of those that a run keeps, evenly in array time: most happens towards the end."""

Values = Float64Array


def forming(path: Path, copies: int) -> tuple[Values, Values, Values]:
    """Noising times `[instant]`, decoded positions `[instant, copy, feature]`, what is shown.

    The last are the first `copies` samples as the run's readout gives them, `[copy, feature]`.
    """
    with open_run(path) as run:
        encoder = encoder_from_table(run.configuration["encoder"])
        protocol = run.protocol()
        trajectory = run.tree["trajectory"].to_dataset()
        times = np.asarray(trajectory["time"])[list(INSTANTS)]
        chosen = trajectory["positions"][:copies, list(INSTANTS)].to_numpy()
        shown = run.tree["result/samples"].to_dataset()["shown"][:copies].to_numpy()
    pace = protocol.noising.speed / protocol.schedule.stretch
    noising_times = np.maximum(protocol.schedule.t_max - times * pace, protocol.schedule.t_min)
    decoded = np.stack([encoder.decode(chosen[:, k].astype(float)) for k in range(len(times))])
    return noising_times, decoded, np.asarray(shown, float)
