"""Compare force matching and CD1 on MNIST's 0s and 1s, at two sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.figures.pictures import mosaic
from oscilab.figures.style import BLUE, FAINT, GUTTER, INK, ORANGE, PAPER, picture
from oscilab_experiments.studies.measuring import forming, train_here
from oscilab_experiments.studies.study import (
    Interval,
    Measured,
    Options,
    Point,
    Study,
    Table,
    excesses,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COPIES = 5
Kinds = dict[tuple[int, str, float, int], list[Measured]]


def draw_mnist01(measured: Sequence[Measured], path: Path) -> None:
    """Draw a strip of samples over time for each size and rule, and the figures of merit below."""
    kinds = groups(measured)
    sides = sorted({side for side, *_ in kinds})
    with picture(path, 10.0, 3.3 * len(sides) + 2.8) as figure:
        # With more than one this is an array, which matplotlib's types do not say.
        parts: Any = figure.subfigures(2, 1, height_ratios=(3.3 * len(sides), 2.8))
        top, bottom = parts
        strips = top.subplots(len(sides), 2, squeeze=False)
        for row, side in zip(strips, sides, strict=True):
            for panel, (rule, delta, _) in zip(row, RULES, strict=True):
                _strip(panel, kinds[(side, rule, delta, BATCH)][0], side, rule)
        left, middle, by_delta, by_batch = bottom.subplots(1, 4)
        _by_size(left, kinds, sides, "sliced_wasserstein", "distance to held-out data")
        _by_size(middle, kinds, sides, "class_share", "class share")
        middle.set_ylim(0, 1)
        cd1 = {key[2:]: seeds for key, seeds in kinds.items() if key[:2] == (sides[0], "cd1")}
        _missed(by_delta, kinds, {delta: cd1[delta, batch] for delta, batch in cd1
                                  if batch == BATCH})  # fmt: skip
        by_delta.set_xlabel("delta (in $\\sigma_t^2$)")
        _missed(by_batch, kinds, {batch: cd1[delta, batch] for delta, batch in cd1
                                  if delta == DELTA})  # fmt: skip
        by_batch.set_xlabel("points a batch")
        for panel in (by_delta, by_batch):
            panel.set_title(f"{sides[0]}x{sides[0]}, missed by cd1", fontsize=9)


def _strip(panel: Axes, measured: Measured, side: int, rule: str) -> None:
    times, decoded, shown = forming(measured.files[".h5"], COPIES)
    columns = np.concatenate([decoded, shown[np.newaxis]]).swapaxes(0, 1)
    count = columns.shape[1]
    tiles = mosaic(columns.reshape(-1, side * side), (side, side), count)
    import matplotlib as mpl

    colours = mpl.colormaps[PAPER].with_extremes(bad=GUTTER)
    panel.imshow(tiles, cmap=colours, vmin=-1, vmax=1, interpolation="nearest")
    width = tiles.shape[1] / count
    names = [*(f"{time:.2g}" for time in times), "denoised"]
    panel.set_xticks((np.arange(count) + 0.5) * width, names)
    panel.tick_params(length=0, labelsize=7)
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    panel.set_title(f"{side}x{side}, {rule}, over noising time", fontsize=9)


def _by_size(panel: Axes, kinds: Kinds, sides: list[int], name: str, label: str) -> None:
    for index, (rule, delta, colour) in enumerate(RULES):
        found = [
            Interval.of([each.values[name] for each in kinds[(side, rule, delta, BATCH)]])
            for side in sides
        ]
        places = np.arange(len(sides)) + 0.2 * (index - 0.5)
        panel.errorbar(places, [each.mean for each in found], [each.half for each in found],
                       fmt="o", markersize=4, color=colour, label=rule)  # fmt: skip
    for index, side in enumerate(sides):
        values = kinds[(side, "force-matching", 0.0, BATCH)][0].values
        data = "class_share_data" if name == "class_share" else f"{name}_floor"
        ends = (index - 0.35, index + 0.35)
        for key, colour, words in ((data, INK, "data"), (f"{name}_gaussian", FAINT, "Gaussian")):
            panel.hlines(values[key], *ends, colors=colour, linewidth=1.2,
                         label=words if index == 0 else "_")  # fmt: skip
    panel.set_xticks(range(len(sides)), [f"{side}x{side}" for side in sides])
    panel.set_xlim(-0.6, len(sides) - 0.4)
    panel.set_ylim(bottom=0)
    panel.set_title(label, fontsize=9)
    if name == "class_share":
        panel.legend(loc="lower right")


def _missed(panel: Axes, kinds: Kinds, by_place: Mapping[float, Sequence[Measured]]) -> None:
    """Draw the share that CD1 misses of what force matching learns from as many points."""
    places = sorted(by_place)
    found: list[Interval] = []
    for place in places:
        settings = by_place[place][0].point.settings
        matched = kinds[(settings["side"], "force-matching", 0.0, settings["batch"])]
        found.append(Interval.of(missed(by_place[place], matched)))
    panel.errorbar(places, [each.mean for each in found], [each.half for each in found],
                   marker="o", markersize=4, color=ORANGE)  # fmt: skip
    panel.set_xscale("log")
    panel.set_xticks(places, [f"{place:g}" for place in places])
    panel.minorticks_off()
    panel.set_ylim(bottom=0)


WORK = f"{__name__}:measure"
DELTA, BATCH = 0.1, 128
RULES = (("force-matching", 0.0, BLUE), ("cd1", DELTA, ORANGE))
FIGURES = (
    "sliced_wasserstein", "sliced_wasserstein_floor", "sliced_wasserstein_gaussian", "class_share",
    "class_share_data", "class_share_gaussian", "class_0", "class_1", "nearest_share",
)  # fmt: skip


def plan(options: Options) -> list[Point]:
    """Return points for both rules at both sizes and five seeds; at 10x10 also for delta and batch.

    Raises:
        InvalidInput: no folder of MNIST's files is given.
    """
    if options.data is None:
        raise InvalidInput("study mnist01 needs MNIST's IDX files; name their folder with --data")
    data = str(Path(options.data).absolute())
    if options.quick:
        small = {"steps": options.steps or 60, "slices": 12, "samples": 500}
        return [
            _point(10, rule, DELTA, BATCH, seed, data, small)
            for rule in ("force-matching", "cd1")
            for seed in range(options.seeds or 2)
        ]
    sizes = {"steps": options.steps or 800}
    found = [
        _point(side, rule, DELTA, BATCH, seed, data, sizes)
        for seed in range(options.seeds or 5)
        for rule in ("force-matching", "cd1")
        for side in (10, 12)
    ]
    varied: list[tuple[str, float, int]] = [
        *(("cd1", delta, BATCH) for delta in (0.03, 0.3, 0.5)),
        *((rule, DELTA, batch) for batch in (32, 256) for rule in ("force-matching", "cd1")),
    ]
    found += [
        _point(10, rule, delta, batch, seed, data, sizes)
        for seed in range(max(2, (options.seeds or 5) // 2))
        for rule, delta, batch in varied
    ]
    return found


def _point(
    side: int, rule: str, delta: float, batch: int, seed: int, data: str, sizes: dict[str, int]
) -> Point:
    settings: dict[str, Any] = {
        "side": side, "rule": rule, "batch": batch, "seed": seed, "data": data, **sizes
    }  # fmt: skip
    key = f"{rule}-{side}x{side}-batch{batch}-seed{seed}"
    if rule != "force-matching":
        settings["delta"] = delta
        key = f"{rule}-{side}x{side}-delta{delta:g}-batch{batch}-seed{seed}"
    return Point(key, WORK, settings)


def measure(folder: Path, side: int, **settings: Any) -> dict[str, Any]:
    """Train, play, and judge the samples and the forces on held-out data."""
    from oscilab_experiments.studies.measuring import held_out_loss

    run = train_here(folder, "mnist01", {"rows": side, **settings})
    loss = held_out_loss(run.path)
    figures = {name: run.figures[name] for name in FIGURES}
    return {**figures, "held_out_loss": loss.learned, "start_loss": loss.start}


def groups(measured: Sequence[Measured]) -> dict[tuple[int, str, float, int], list[Measured]]:
    """Group points by side, rule, delta and batch."""
    found: dict[tuple[int, str, float, int], list[Measured]] = {}
    for each in measured:
        settings = each.point.settings
        key = (settings["side"], settings["rule"], settings.get("delta", 0.0), settings["batch"])
        found.setdefault(key, []).append(each)
    return found


def missed(seeds: Sequence[Measured], matched: Sequence[Measured]) -> list[float]:
    """Return the share that each seed misses of what force matching has learned.

    (L - L_matched) / (L_start - L_matched), of the force-matching loss on held-out data.
    """
    by_seed = {each.point.settings["seed"]: each.values for each in matched}
    found: list[float] = []
    for each in seeds:
        reference = by_seed.get(each.point.settings["seed"])
        if reference is not None:
            excess = each.values["held_out_loss"] - reference["held_out_loss"]
            found.append(excess / (reference["start_loss"] - reference["held_out_loss"]))
    return found


def tabulate(measured: Sequence[Measured]) -> Table:
    """Return a table with a row for every kind and the gap to force matching on as many points."""
    kinds = groups(measured)
    rows: list[dict[str, Any]] = []
    for (side, rule, delta, batch), seeds in kinds.items():
        first = seeds[0].point.settings
        matched = kinds[(side, "force-matching", 0.0, batch)]
        gap = excesses(seeds, matched, "sliced_wasserstein")
        rows.append(
            {
                "array": f"{side}x{side}",
                "rule": rule,
                "delta": delta or "",
                "batch": batch,
                "points a node": batch * first["steps"],
                "seeds": len(seeds),
                "held-out loss": Interval.of([each.values["held_out_loss"] for each in seeds]),
                "missed": "" if rule == "force-matching" else Interval.of(missed(seeds, matched)),
                "distance": Interval.of([each.values["sliced_wasserstein"] for each in seeds]),
                "over force matching": "" if rule == "force-matching" else Interval.of(gap),
                "class share": Interval.of([each.values["class_share"] for each in seeds]),
                "zeros": Interval.of([each.values["class_0"] for each in seeds]),
                "ones": Interval.of([each.values["class_1"] for each in seeds]),
                "near training data": Interval.of([each.values["nearest_share"] for each in seeds]),
            }
        )
    notes = [_floors(side, kinds) for side in sorted({key[0] for key in kinds})]
    steps = measured[0].point.settings["steps"]
    notes.append(
        f"{steps} steps; intervals are 95 % over seeds. *Held-out loss* is the force-matching loss "
        "of the protocol on data that were not learned from, summed over nodes, *missed* the share "
        "(L - L_fm) / (L_start - L_fm) of what force matching learns from as many points. Distance "
        "is the sliced 2-Wasserstein distance to the held-out data, *over force matching* its "
        "excess over that with as many points, seed by seed; delta is in units of sigma_t^2."
    )
    return Table(rows, notes)


def _floors(side: int, kinds: dict[tuple[int, str, float, int], list[Measured]]) -> str:
    values = next(seeds for key, seeds in kinds.items() if key[0] == side)[0].values
    return (
        f"{side}x{side}: distance of the training data {values['sliced_wasserstein_floor']:.3f}, "
        f"of a Gaussian fitted to them {values['sliced_wasserstein_gaussian']:.3f}; class share of "
        f"held-out data {values['class_share_data']:.3f}, of the Gaussian "
        f"{values['class_share_gaussian']:.3f}."
    )


STUDY = Study("mnist01", plan, tabulate, draw_mnist01)
