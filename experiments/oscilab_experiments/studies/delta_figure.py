"""Bias, and noise at equal array time, against delta."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.figures.style import CYCLE, INK, picture
from oscilab_experiments.studies.delta import RULES, groups
from oscilab_experiments.studies.study import Measured

PANELS = (
    ("bias", "missed however long one learns"),
    ("a_point", "missed, learning from one point"),
    ("array_time", "missed, learning for array time 1"),
)


def draw_delta(measured: Sequence[Measured], path: Path) -> None:
    """Three panels, all shares of what there is to learn."""
    kinds = groups(measured)
    deltas = sorted({delta for rule, delta in kinds if rule != "force-matching"})
    with picture(path, 9.6, 3.5) as figure:
        figure.suptitle("what a rule's gradient misses, against delta", x=0.01, ha="left")
        panels = figure.subplots(1, 3)
        for panel, (name, label) in zip(panels, PANELS, strict=True):
            for rule, colour in zip(RULES, CYCLE, strict=False):
                found = [
                    float(np.mean([each.values[name] for each in kinds[(rule, delta)]]))
                    for delta in deltas
                ]
                shown = np.where(np.array(found) > 0, found, np.nan)
                panel.plot(deltas, shown, color=colour, marker="o", markersize=3, label=rule)
            if name == "a_point":
                matched = [each.values[name] for each in kinds[("force-matching", 0.1)]]
                panel.axhline(
                    float(np.mean(matched)), color=INK, linestyle="--", label="force-matching"
                )
            if name == "bias":
                known = [
                    float(np.mean([each.values["bias_known_to"] for each in kinds[("cd1", delta)]]))
                    for delta in deltas
                ]
                panel.plot(deltas, known, color=INK, linestyle=":", label="to what cd1's is known")
            panel.set(xscale="log", yscale="log", xlabel="delta (in $\\sigma_t^2$)", ylabel=label)
            panel.set_xticks(deltas, [f"{delta:g}" for delta in deltas])
            panel.minorticks_off()
        names: dict[str, Any] = {}
        for panel in panels:
            handles, labels = panel.get_legend_handles_labels()
            names |= dict(zip(labels, handles, strict=True))
        figure.legend(names.values(), names.keys(), loc="outside lower center", ncols=len(names))
