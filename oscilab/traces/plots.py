"""Pictures of the data in a run."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.figures import protocol_picture
from oscilab.figures.style import (
    BLUE,
    CYCLE,
    DIVERGING,
    FAINT,
    GUTTER,
    INK,
    ORANGE,
    SEQUENTIAL,
    picture,
)
from oscilab.physics import Family, Protocol
from oscilab.traces.compare import final_losses
from oscilab.traces.layout_array import read_potential, read_schedule
from oscilab.traces.run import Run
from oscilab.types import Float64Array, IndexArray

WINDOWS = 60
"""Means shown of a noisy curve."""
MOST_POINTS = 1500
"""Points of one curve in the picture of losses."""
LEAST, MOST = 0.8, 3.0
"""Inches of one family's heat map."""
ROWS_AN_INCH, MOST_TICKS = 60, 8
NODES_SHOWN, MOST_BATCHES, BINS = 3, 60, 15
"""What the picture of forces shows."""
INSTANTS, COPIES_SHOWN, FEW, LINES = 8, 5, 8, 12
"""What the picture of a trajectory shows; up to `FEW` oscillators are lines, more are maps."""
LEAST_INSTANTS, MOST_COPIES, MANY = 8, 2000, 8
"""What spectra need and use; from `MANY` oscillators on, only their mean is drawn."""
WHAT = (("work", "work done by the drive", BLUE), ("heat", "heat taken by the bath", ORANGE))


def heading(run: Run) -> str:
    """Return the run's name and whether its data are simulated, for a title."""
    origin = "simulated" if run.provenance.simulated else "measured"
    return f"{run.path.stem} ({origin})"


def newest_protocol(run: Run) -> tuple[Protocol, str]:
    """Return the protocol as trained, or that of the last checkpoint, and a text that says which.

    Raises:
        InvalidInput: the run holds neither.
    """
    try:
        return run.protocol(), "as trained" if run.kind == "train" else "as played"
    except InvalidInput:
        step, parameters, _ = run.checkpoint()
        entry = run.sources[0].entry
        schedule, noising = read_schedule(entry)
        return Protocol(read_potential(entry), schedule, parameters, noising), f"after step {step}"


def group(run: Run, name: str) -> Any:
    """Return a group of the run as `Any`; xarray's type includes variables."""
    return run.tree[name]


def need(run: Run, stream: str, what: str) -> None:
    """Check that the run has rows in `stream`, called `what` in the message.

    Raises:
        InvalidInput: it has none.
    """
    if stream not in run.tree or not int(group(run, stream)["n_committed"]):
        raise InvalidInput(f"run {run.path} holds no {what}, so there is nothing to draw of it")


def draw_loss(run: Run, path: Path) -> Path:
    """Draw loss and gradient norm: thin lines are steps (or means of a few), thick running means.

    Raises:
        InvalidInput: the run has no training, or the picture cannot be written.
    """
    need(run, "training", "measured batches")
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    training = group(run, "training")
    steps, nodes = training["step"].values, training["node_number"].values
    times = group(run, "schedule")["nodes"].values
    norm = LogNorm(times.min(), times.max())
    colours: Any = mpl.colormaps[SEQUENTIAL]
    with picture(path, 6.8, 5.2) as figure:
        figure.suptitle(f"Training of {heading(run)}", x=0.01, ha="left")
        panels: Any = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1.0])
        for panel, name in zip(panels, ("loss", "gradient_norm"), strict=True):
            values = training[name].values
            for node, time in enumerate(times):
                mine = nodes == node
                _draw_node(panel, steps[mine] + 1, values[mine], colours(norm(time)))
            panel.set_yscale("log")
        panels[0].set_ylabel("loss of a node")
        panels[1].set_ylabel("gradient norm")
        panels[1].set_xlabel("training step")
        panels[1].xaxis.get_major_locator().set_params(integer=True)
        mappable = ScalarMappable(norm, colours)
        figure.colorbar(mappable, ax=list(panels), label="noising time of the node", pad=0.02)
    return path


def _draw_node(panel: Any, steps: Float64Array, values: Float64Array, colour: Any) -> None:
    good = np.isfinite(values) & (values > 0)
    steps, values = steps[good], values[good]
    if not len(values):
        return
    every = -(-len(values) // MOST_POINTS)
    thin_steps, thin = _means(steps, every), _means(values, every)
    panel.plot(thin_steps, thin, color=colour, linewidth=0.5, alpha=0.3)
    window = max(1, len(thin) // WINDOWS)
    kernel = np.ones(window) / window
    smooth = np.convolve(thin, kernel, "valid")
    panel.plot(np.convolve(thin_steps, kernel, "valid"), smooth, color=colour, linewidth=1.2)


def _means(values: Float64Array, every: int) -> Float64Array:
    """Return means of every `every` consecutive values."""
    starts = np.arange(0, len(values), every)
    counts = np.diff(np.append(starts, len(values)))
    return np.add.reduceat(values.astype(float), starts) / counts


def draw_protocol(run: Run, path: Path) -> Path:
    """Draw the protocol as trained or, if the run is not finished, that of its last checkpoint.

    Raises:
        InvalidInput: there is neither, or the picture cannot be written.
    """
    protocol, which = newest_protocol(run)
    return protocol_picture(protocol, path, f"Protocol of {heading(run)}, {which}")


def draw_heatmap(run: Run, path: Path) -> Path:
    """Draw a map for every family of terms: a row for each parameter, a column for each slice.

    Time runs from left (noise) to right (data), as played. Colours saturate at the family's 99th
    percentile, so that a few extreme parameters do not leave the rest without colour.

    Raises:
        InvalidInput: the run holds no parameters, or the picture cannot be written.
    """
    protocol, which = newest_protocol(run)
    families = [family for family in protocol.potential.families.values() if len(family.ends)]
    heights = [float(np.clip(len(each.ends) / ROWS_AN_INCH, LEAST, MOST)) for each in families]
    with picture(path, 6.8, sum(heights) + 0.35 * len(families) + 0.7) as figure:
        figure.suptitle(f"Parameters of {heading(run)}, {which}", x=0.01, ha="left")
        panels: Any = figure.subplots(
            len(families), 1, sharex=True, height_ratios=heights, squeeze=False
        )
        for panel, family in zip(panels[:, 0], families, strict=True):
            _draw_family(figure, panel, protocol, family)
        panels[-1, 0].set_xlabel("noising time of the slice, as played")
    return path


def _draw_family(figure: Any, panel: Any, protocol: Protocol, family: Family) -> None:
    stairs = protocol.stairs(1)
    values = stairs.parameters[:, family.where].T
    middles = np.sqrt(stairs.noising_times[1:] * stairs.noising_times[:-1])
    reach = float(np.quantile(np.abs(values), 0.99)) or 1.0
    image = panel.imshow(
        values, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest"
    )
    panel.spines[:].set_visible(True)
    shown = np.arange(0, len(middles), -(-len(middles) // MOST_TICKS))
    panel.set_xticks(shown, [f"{middles[place]:.2g}" for place in shown])
    count = len(family.ends)
    rows = range(count) if count <= 8 else (0, count - 1)
    panel.set_yticks(list(rows), [",".join(map(str, family.ends[row])) for row in rows])
    panel.set_ylabel(family.name.replace("_", " "))
    figure.colorbar(image, ax=panel, pad=0.02, fraction=0.05, extend="both")


def draw_forces(run: Run, path: Path) -> Path:
    """Draw the last logged readings of an early, a middle and a late node.

    If the run has targets, the mean target at each measured force is on the diagonal once the node
    has converged (single targets scatter by the noise of their points). Otherwise, forces are
    compared to those of the newest protocol at the same set-points. Displacements are compared by
    their means at the same set-points, with bars of two standard errors.

    Raises:
        InvalidInput: the run has no readings, or the picture cannot be written.
    """
    need(run, "readings", "kept readings")
    readings = group(run, "readings")
    nodes = group(run, "training")["node_number"].sel(batch=readings["batch"]).values
    times = group(run, "schedule")["nodes"].values
    present = np.unique(nodes)
    chosen = present[np.unique(np.linspace(0, len(present) - 1, NODES_SHOWN).astype(int))]
    displaced = "forces" not in readings
    name = ""
    with picture(path, 2.5 * len(chosen) + 0.6, 3.15) as figure:
        figure.suptitle(f"Forces of {heading(run)}", x=0.01, ha="left")
        panels: Any = figure.subplots(1, len(chosen), squeeze=False)
        for panel, node in zip(panels[0], chosen[::-1], strict=True):
            kept = np.flatnonzero(nodes == node)[-MOST_BATCHES:]
            wanted, name = _wanted(run, int(node), kept)
            panel.set_title(f"t = {times[node]:.2g}")
            if displaced:
                points = readings["set_points"][kept].values
                _draw_means(panel, points, _displaced(readings, kept), wanted, name)
                panel.set_xlabel("set-point (amplitude)")
            else:
                _draw_pairs(panel, readings["forces"][kept].values, wanted)
                panel.set_xlabel("measured force (kT / amplitude)")
        panels[0, 0].set_ylabel(f"{'mean' if displaced else name} (kT / amplitude)")
        if displaced:
            panels[0, 0].legend(fontsize=7)
    return path


def _displaced(readings: Any, kept: IndexArray) -> Float64Array:
    moved = readings["end"][kept].values - readings["start"][kept].values
    return moved / readings["duration"][kept].values[:, np.newaxis, np.newaxis]


def _wanted(run: Run, node: int, kept: IndexArray) -> tuple[Float64Array, str]:
    readings = group(run, "readings")
    if "targets" in readings:
        return readings["targets"][kept].values, "target force"
    protocol, which = newest_protocol(run)
    points = readings["set_points"][kept].values.astype(float)
    forces = protocol.potential.forces(
        protocol.parameters[node], np.nan_to_num(points.reshape(-1, points.shape[-1]))
    )
    found = np.where(np.isfinite(points), forces.reshape(points.shape), np.nan)
    return found, f"force of the protocol {which}"


def _draw_pairs(panel: Any, measured: Float64Array, wanted: Float64Array) -> None:
    good = np.isfinite(measured) & np.isfinite(wanted)
    measured, wanted = measured[good], wanted[good]
    across, up = _reach(measured), _reach(wanted)
    panel.hexbin(
        measured,
        wanted,
        gridsize=45,
        bins="log",
        extent=(-across, across, -up, up),
        cmap=SEQUENTIAL,
        linewidths=0,
    )
    panel.axline((0, 0), slope=1, color=INK, linewidth=0.8, linestyle="--", label="equal")
    centres, means, _ = _binned(measured, wanted)
    panel.plot(centres, means, "o", color=ORANGE, markersize=3, label="mean")
    panel.set(xlim=(-across, across), ylim=(-up, up))
    panel.legend(loc="upper left", fontsize=7)


def _draw_means(
    panel: Any, points: Float64Array, moved: Float64Array, wanted: Float64Array, name: str
) -> None:
    """Draw means, because single values scatter widely at a given set-point."""
    good = np.isfinite(points) & np.isfinite(moved) & np.isfinite(wanted)
    for values, colour, marker, label in (
        (moved[good], BLUE, "o", "displacement / duration"), (wanted[good], ORANGE, "s", name)
    ):  # fmt: skip
        centres, means, errors = _binned(points[good], values)
        panel.errorbar(centres, means, 2 * errors, fmt=marker, markersize=3, linewidth=0.8,
                       color=colour, label=label)  # fmt: skip
    panel.axhline(0, color=FAINT, linewidth=0.6)


def _reach(values: Float64Array) -> float:
    return float(np.quantile(np.abs(values), 0.999)) * 1.15 or 1.0


def _binned(x: Float64Array, y: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return means of x and y in bins of equal counts, and standard errors of y."""
    parts = [part for part in np.array_split(np.argsort(x), BINS) if len(part)]
    centres = np.array([x[part].mean() for part in parts])
    means = np.array([y[part].mean() for part in parts])
    errors = np.array([y[part].std() / np.sqrt(len(part)) for part in parts])
    return centres, means, errors


def draw_trajectory(run: Run, path: Path) -> Path:
    """Draw positions over array time: maps of a few copies, or lines of a few oscillators.

    Raises:
        InvalidInput: the run has no trajectory, or the picture cannot be written.
    """
    need(run, "trajectory", "played copies")
    trajectory = group(run, "trajectory")
    times = trajectory["time"].values
    shape = tuple(int(length) for length in group(run, "array")["layout"].values)
    if shape[0] * shape[1] <= FEW:
        positions = trajectory["positions"].values
        return _draw_lines(run, path, times, positions)
    chosen = np.unique(np.linspace(0, len(times) - 1, INSTANTS).astype(int))
    positions = trajectory["positions"][:COPIES_SHOWN].values[:, chosen]
    return _draw_maps(run, path, times[chosen], positions.reshape(*positions.shape[:2], *shape))


def _draw_maps(run: Run, path: Path, times: Float64Array, maps: Float64Array) -> Path:
    copies, instants = maps.shape[:2]
    reach = float(np.quantile(np.abs(maps), 0.99)) or 1.0
    with picture(path, 0.85 * instants + 0.9, 0.85 * copies + 0.9) as figure:
        figure.suptitle(f"Samples of {heading(run)} as they form", x=0.01, ha="left")
        panels: Any = figure.subplots(copies, instants, squeeze=False)
        image: Any = None
        for copy in range(copies):
            for instant, time in enumerate(times):
                panel = panels[copy, instant]
                image = panel.imshow(maps[copy, instant], cmap=DIVERGING, vmin=-reach, vmax=reach)
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set(visible=True, color=GUTTER, linewidth=0.5)
                if not copy:
                    panel.set_title(f"{time:.3g}", fontsize=8)
            panels[copy, 0].set_ylabel(f"copy {copy}", fontsize=8)
        figure.supxlabel("array time (top, in relaxation times), from noise to sample", fontsize=9)
        figure.colorbar(
            image, ax=panels, label="position (thermal amplitudes)", pad=0.02, aspect=30
        )
    return path


def _draw_lines(run: Run, path: Path, times: Float64Array, positions: Float64Array) -> Path:
    oscillators = positions.shape[2]
    with picture(path, 6.8, 0.7 + 1.6 * oscillators) as figure:
        figure.suptitle(f"Positions of {heading(run)} while it plays", x=0.01, ha="left")
        panels: Any = figure.subplots(
            oscillators, 2, sharey="row", squeeze=False, width_ratios=[4, 1]
        )
        for number, (panel, side) in enumerate(panels):
            colour = CYCLE[number % len(CYCLE)]
            values = positions[:, :, number]
            for low, high, strength in ((0.025, 0.975, 0.15), (0.25, 0.75, 0.3)):
                bottom, top = np.quantile(values, (low, high), axis=0)
                panel.fill_between(times, bottom, top, color=colour, alpha=strength, linewidth=0)
            panel.plot(times, values[:LINES].T, color=colour, linewidth=0.4, alpha=0.6)
            panel.set_ylabel(f"oscillator {number}")
            side.hist(values[:, -1], bins=40, orientation="horizontal", color=colour, alpha=0.8)
            side.set_xticks([])
        panels[0, 0].set_title(
            "positions (thermal amplitudes); bands: middle half and 95 % of the copies", fontsize=8
        )
        panels[0, 1].set_title("at the end", fontsize=8)
        panels[-1, 0].set_xlabel("array time (relaxation times)")
        panels[-1, 1].set_xlabel("copies")
    return path


def draw_spectra(run: Run, path: Path) -> Path:
    """Draw the power spectral density of the deviations from the mean over copies.

    A driven oscillator is not stationary. Subtracting the mean over copies removes the effect of
    the drive and leaves the fluctuations. For comparison, the density of a unit spring at rest,
    sampled at the same instants, is drawn as well; it is that of the noise at the start.

    Raises:
        InvalidInput: there is no trajectory, or it has too few or unevenly spaced instants.
    """
    need(run, "trajectory", "played copies")
    trajectory = group(run, "trajectory")
    times = trajectory["time"].values
    steps = np.diff(times)
    # The last instant is always recorded, whatever its spacing.
    even = len(times) if np.allclose(steps, steps[:1], rtol=1e-3) else len(times) - 1
    if even < LEAST_INSTANTS or not np.allclose(steps[: even - 1], steps[0], rtol=1e-3):
        raise InvalidInput(
            f"run {run.path} records {len(times)} instants; spectra need {LEAST_INSTANTS} or more, "
            "evenly spaced"
        )
    positions = trajectory["positions"][:MOST_COPIES, :even].values.astype(float)
    frequencies, density = periodogram(positions, float(steps[0]))
    seconds = float(group(run, "array")["time_scale"])
    with picture(path, 6.0, 3.8) as figure:
        figure.suptitle(f"Spectra of {heading(run)}", x=0.01, ha="left")
        panel: Any = figure.subplots()
        if density.shape[1] >= MANY:
            low, high = np.quantile(density, (0.05, 0.95), axis=1)
            panel.fill_between(frequencies, low, high, color=BLUE, alpha=0.2, linewidth=0,
                               label="5 to 95 % of the oscillators")  # fmt: skip
        panel.plot(frequencies, np.median(density, axis=1), "o-", color=BLUE, markersize=3,
                   label="median oscillator")  # fmt: skip
        spring = spring_density(frequencies, float(steps[0]))
        panel.plot(frequencies, spring, color=INK, linewidth=0.8, linestyle="--",
                   label="unit spring at rest")  # fmt: skip
        panel.set(xscale="log", yscale="log")
        panel.set_xlabel(f"frequency, in 1 / array time (1 array time is {seconds:.3g} s)")
        panel.set_ylabel("power spectral density (amplitude² · array time)")
        panel.grid(visible=True, color=FAINT, alpha=0.3, linewidth=0.5)
        panel.legend()
    return path


def periodogram(positions: Float64Array, step: float) -> tuple[Float64Array, Float64Array]:
    """Return frequencies above zero and the one-sided density of `positions`, averaged over copies.

    `positions` is `[copy, time, oscillator]`, the results `[frequency]` and `[frequency,
    oscillator]`. The integral over frequency is the variance (Parseval), except for the window's
    correction.
    """
    instants = positions.shape[1]
    fluctuation = positions - positions.mean(axis=0)
    window = np.hanning(instants + 2)[1:-1, np.newaxis]
    power = np.abs(np.fft.rfft(fluctuation * window, axis=1)) ** 2
    density = 2 * step * power.mean(axis=0) / (window**2).sum()
    frequencies = np.asarray(np.fft.rfftfreq(instants, step), np.float64)
    return frequencies[1:], density[1:]


def spring_density(frequencies: Float64Array, step: float) -> Float64Array:
    """Return the one-sided density of a unit spring in its bath, sampled every `step`.

    Its positions are an autoregressive process with coefficient a = exp(-step) and variance 1.
    """
    a = np.exp(-step)
    return 2 * step * (1 - a**2) / (1 + a**2 - 2 * a * np.cos(2 * np.pi * frequencies * step))


def draw_energetics(run: Run, path: Path) -> Path:
    """Draw histograms of work and heat in kT, with their means and standard errors.

    Raises:
        InvalidInput: the run has neither, or the picture cannot be written.
    """
    need(run, "trajectory", "played copies")
    values = {name: group(run, "trajectory")[name].values for name, _, _ in WHAT}
    if not any(np.isfinite(each).any() for each in values.values()):
        raise InvalidInput(f"run {run.path} holds no work or heat: its array could not read them")
    with picture(path, 6.8, 3.0) as figure:
        figure.suptitle(f"Energetics of {heading(run)}", x=0.01, ha="left")
        panels: Any = figure.subplots(1, 2, sharey=True)
        for panel, (name, meaning, colour) in zip(panels, WHAT, strict=True):
            _draw(panel, values[name][np.isfinite(values[name])], colour)
            panel.set_xlabel(f"{meaning} (kT)")
        panels[0].set_ylabel("copies")
    return path


def _draw(panel: Any, values: Float64Array, colour: str) -> None:
    if not len(values):
        panel.text(0.5, 0.5, "not read", ha="center", transform=panel.transAxes)
        return
    mean, error = values.mean(), values.std() / max(1, len(values) - 1) ** 0.5
    panel.hist(values, bins="auto" if len(values) < 10_000 else 100, color=colour, alpha=0.7)
    panel.axvline(mean, color=INK, linewidth=1)
    title = f"mean {mean:.4g} ± {error:.2g}".replace("-", "\N{MINUS SIGN}")
    panel.set_title(title, fontsize=9)


def draw_comparison(runs: Sequence[Run], path: Path) -> Path:
    """Draw the mean loss over nodes at each step (left) and the final loss of every node (right).

    Raises:
        InvalidInput: a run has no training, or the picture cannot be written.
    """
    for run in runs:
        need(run, "training", "measured batches")
    with picture(path, 8.0, 3.6) as figure:
        over_time, at_end = figure.subplots(1, 2)
        for number, run in enumerate(runs):
            colour = CYCLE[number % len(CYCLE)]
            _draw_course(over_time, run, colour)
            times, losses = zip(*final_losses(run), strict=True)
            at_end.plot(times, losses, "o-", color=colour, markersize=3)
        over_time.set(yscale="log", xlabel="training step", ylabel="loss, mean over the nodes")
        over_time.xaxis.get_major_locator().set_params(integer=True)
        over_time.legend()
        at_end.set(xscale="log", yscale="log", xlabel="noising time of the node")
        at_end.set_ylabel("loss over the last tenth")
    return path


def _draw_course(panel: Any, run: Run, colour: str) -> None:
    training = group(run, "training")
    steps, place = np.unique(training["step"].values, return_inverse=True)
    mean = np.bincount(place, training["loss"].values) / np.bincount(place)
    window = max(1, len(mean) // WINDOWS)
    kernel = np.ones(window) / window
    panel.plot(steps + 1, mean, color=colour, linewidth=0.5, alpha=0.3)
    panel.plot(
        np.convolve(steps + 1, kernel, "valid"),
        np.convolve(mean, kernel, "valid"),
        color=colour,
        label=run.path.stem,
    )


PLOTS: Mapping[str, Callable[[Run, Path], Path]] = {
    "loss": draw_loss,
    "protocol": draw_protocol,
    "heatmap": draw_heatmap,
    "forces": draw_forces,
    "trajectory": draw_trajectory,
    "spectra": draw_spectra,
    "energetics": draw_energetics,
}
"""Functions that draw one picture of a run to a path, as PNG or PDF according to its suffix."""
