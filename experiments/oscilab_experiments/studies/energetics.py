"""Heat and work per sample against the speed of the protocol and the number of its slices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.figures.style import CYCLE, FAINT, INK, picture
from oscilab_experiments.studies.study import Interval, Measured, Options, Point, Study, Table

PANELS = (("heat_mean", "heat (kT a sample)"), ("work_mean", "work (kT a sample)"),
          ("distance", "distance to the truth"))  # fmt: skip


def draw_energetics(measured: Sequence[Measured], path: Path) -> None:
    """Draw three panels, with the heat of an exact drift for comparison."""
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


T_MIN, T_MAX = 0.01, 3.0
SPEEDS, SLICES = (0.25, 0.5, 1.0, 2.0, 4.0), (6, 12, 24)


def plan(options: Options) -> list[Point]:
    """Return points with a new training at every speed, since the drift depends on it."""
    quick = options.quick
    speeds, slices = ((0.5, 2.0), (6, 24)) if quick else (SPEEDS, SLICES)
    sizes = {"steps": 60, "batch": 256} if quick else {"steps": 200, "batch": 512}
    samples = 2000 if quick else 10_000
    if options.steps is not None:
        sizes["steps"] = options.steps
    return [
        Point(
            f"speed{speed:g}-slices{count}-seed{seed}", f"{__name__}:measure",
            {"speed": speed, "slices": count, "seed": seed, "samples": samples, **sizes},
        )
        for seed in range(options.seeds or (2 if quick else 3))
        for speed in speeds
        for count in slices
    ]  # fmt: skip


def measure(folder: Path, **settings: Any) -> dict[str, Any]:
    """Train by force matching, play, and return heat, work and distance."""
    from oscilab_experiments.studies.measuring import judged, train_here

    run = train_here(folder, "two-gaussians", settings)
    found = {name: run.figures[name] for name in ("heat_mean", "heat_error", "work_mean")}
    return {**found, "distance": judged(run.samples, T_MIN)["distance"]}


def exact_heat(speed: float) -> float:
    """Return the heat of a drift that reverses the noising exactly, in kT per sample.

    With p_t the density at every time, the velocity is c (x + grad log p_t) and the heat
    Q = c (KL(p_tmin || N) - KL(p_T || N)) + S(p_T) - S(p_tmin): what is dissipated grows with the
    speed, and what a slow protocol still pays is the entropy that it removes (Landauer).
    """
    dissipated, removed = entropy_balance()
    return speed * dissipated + removed


def entropy_balance(draws: int = 400_000) -> tuple[float, float]:
    """Return heat per unit of speed, and the entropy that the protocol removes, both in kT."""
    import numpy as np

    from oscilab.data.mixture import two_gaussians

    entropies, divergences = [], []
    for time in (T_MIN, T_MAX):
        mixture = two_gaussians().noised(time)
        x, _ = mixture.sample(draws, 3)
        log_density = mixture.log_density(x)
        noise = -0.5 * (x**2).sum(axis=1) - np.log(2 * np.pi)
        entropies.append(-float(log_density.mean()))
        divergences.append(float((log_density - noise).mean()))
    return divergences[0] - divergences[1], entropies[1] - entropies[0]


def groups(measured: Sequence[Measured]) -> dict[tuple[int, float], list[Measured]]:
    """Group points by slices and speed."""
    found: dict[tuple[int, float], list[Measured]] = {}
    for each in measured:
        settings = each.point.settings
        found.setdefault((settings["slices"], settings["speed"]), []).append(each)
    return dict(sorted(found.items()))


def tabulate(measured: Sequence[Measured]) -> Table:
    """Return a table with a row for every number of slices and speed."""
    rows = [
        {
            "slices": slices,
            "speed": speed,
            "duration": (T_MAX - T_MIN) / speed,
            "heat (kT)": Interval.of([each.values["heat_mean"] for each in seeds]),
            "exact drift (kT)": exact_heat(speed),
            "work (kT)": Interval.of([each.values["work_mean"] for each in seeds]),
            "distance": Interval.of([each.values["distance"] for each in seeds]),
        }
        for (slices, speed), seeds in groups(measured).items()
    ]
    dissipated, removed = entropy_balance()
    notes = [
        f"Means a sample; intervals are 95 % over {len(seeds_of(measured))} seeds. *Exact drift* "
        f"is c times {dissipated:.2f} kT, dissipated, and {removed:.2f} kT for the entropy "
        "that is removed. Distance as in two-gaussians; duration in relaxation times.",
    ]
    return Table(rows, notes)


def seeds_of(measured: Sequence[Measured]) -> list[int]:
    """Return the seeds, in order."""
    return sorted({each.point.settings["seed"] for each in measured})


STUDY = Study("energetics", plan, tabulate, draw_energetics)
