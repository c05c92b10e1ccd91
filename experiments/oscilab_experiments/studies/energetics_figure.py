"""Heat, work and distance against speed, a line for each number of slices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from oscilab.figures.style import CYCLE, FAINT, INK, picture
from oscilab_experiments.studies.energetics import entropy_balance, groups
from oscilab_experiments.studies.study import Measured
from oscilab_experiments.studies.table import Interval

PANELS = (("heat_mean", "heat (kT a sample)"), ("work_mean", "work (kT a sample)"),
          ("distance", "distance to the truth"))  # fmt: skip


def draw_energetics(measured: Sequence[Measured], path: Path) -> None:
    """Three panels; beside the heat what an exact drift would give."""
    kinds = groups(measured)
    speeds = np.array(sorted({speed for _, speed in kinds}))
    dissipated, removed = entropy_balance()
    with picture(path, 9.6, 3.3) as figure:
        figure.suptitle("energetics: two-gaussians at speed c, protocols trained for each", x=0.01,
                        ha="left")  # fmt: skip
        panels = figure.subplots(1, 3)
        for panel, (name, label) in zip(panels, PANELS, strict=True):
            for index, slices in enumerate(sorted({slices for slices, _ in kinds})):
                found = [
                    Interval.of([each.values[name] for each in kinds[(slices, speed)]])
                    for speed in speeds
                ]
                panel.errorbar(
                    speeds * 1.02 ** (index - 1),
                    [each.mean for each in found],
                    [each.half for each in found],
                    color=CYCLE[index % len(CYCLE)],
                    marker="o",
                    markersize=3,
                    label=f"{slices} slices",
                )
            panel.set(xscale="log", xlabel="speed c", ylabel=label)
            panel.set_xticks(speeds, [f"{speed:g}" for speed in speeds])
            panel.minorticks_off()
        fine = np.geomspace(speeds[0], speeds[-1], 100)
        heat = panels[0]
        heat.plot(fine, dissipated * fine + removed, color=INK, linestyle="--", label="exact drift")
        heat.axhline(removed, color=FAINT, linewidth=0.8)
        heat.annotate("entropy removed", (speeds[-1], removed), color=FAINT, fontsize=8,
                      ha="right", va="bottom")  # fmt: skip
        heat.set_ylim(bottom=0)
        panels[2].set_ylim(bottom=0)
        heat.legend()
