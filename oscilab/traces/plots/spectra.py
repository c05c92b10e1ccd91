"""Power spectra of the oscillators while a protocol is played."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.figures.style import BLUE, FAINT, INK, picture
from oscilab.traces.plots.shared import Values, group, heading, need
from oscilab.traces.run import Run

LEAST_INSTANTS = 8
MOST_COPIES = 2000
MANY = 8


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


def periodogram(positions: Values, step: float) -> tuple[Values, Values]:
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


def spring_density(frequencies: Values, step: float) -> Values:
    """Return the one-sided density of a unit spring in its bath, sampled every `step`.

    Its positions are an autoregressive process with coefficient a = exp(-step) and variance 1.
    """
    a = np.exp(-step)
    return 2 * step * (1 - a**2) / (1 + a**2 - 2 * a * np.cos(2 * np.pi * frequencies * step))
