"""How the loss of every slice fell during training."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.figures.style import SEQUENTIAL, picture
from oscilab.types import Float64Array, IndexArray

WINDOWS = 60
"""Running means are taken over this part of the training, so that batch noise does not hide it."""

Values = Float64Array


def loss_curves(
    losses: Values,
    noising_times: Values,
    path: str | Path,
    title: str,
    optimum: Values | None = None,
) -> Path:
    """A PNG of `losses` `[step, node]`, each node coloured by its noising time `[node]`.

    Thin lines are single steps, thick ones running means, dotted ones the `optimum` `[node]`
    where it is known. Entries that are not finite (a step at which a node was not trained) are
    left out.

    Raises:
        InvalidInput: shapes that do not fit, times that are not positive, no positive loss, or a
            path that cannot be written.
    """
    table, times = _checked(losses, noising_times)
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    ends = (times.min(), times.max()) if len(times) > 1 else (times[0] / 2, times[0] * 2)
    norm = LogNorm(*ends)
    colours: Any = mpl.colormaps[SEQUENTIAL]
    with picture(path, 6.4, 3.6) as figure:
        panel = figure.subplots()
        for node, time in enumerate(times):
            trained = np.flatnonzero(np.isfinite(table[:, node]) & (table[:, node] > 0))
            values, colour = table[trained, node], colours(norm(time))
            panel.plot(trained + 1, values, color=colour, linewidth=0.5, alpha=0.25)
            middle, mean = _running_mean(trained + 1, values)
            panel.plot(middle, mean, color=colour)
            if optimum is not None:
                panel.axhline(float(optimum[node]), color=colour, linewidth=0.9, linestyle=":")
        panel.set(yscale="log", xlabel="training step", ylabel="loss of a slice")
        panel.set_title(title)
        mappable = ScalarMappable(norm, colours)
        figure.colorbar(mappable, ax=panel, label="noising time", pad=0.02)
    return Path(path)


def _checked(losses: Values, noising_times: Values) -> tuple[Values, Values]:
    table, times = np.asarray(losses, np.float64), np.asarray(noising_times, np.float64)
    if table.ndim != 2 or not len(table) or times.shape != table.shape[1:]:
        raise InvalidInput(
            f"losses of shape {table.shape} and noising times of shape {times.shape} make no "
            "curves; give [step, node] and [node]"
        )
    if not len(times) or not (np.isfinite(times) & (times > 0)).all():
        raise InvalidInput("loss curves need noising times above zero")
    if not (np.isfinite(table) & (table > 0)).any():
        raise InvalidInput("no loss is finite and above zero; there is nothing to draw")
    return table, times


def _running_mean(steps: IndexArray, values: Values) -> tuple[Values, Values]:
    width = max(1, len(values) // WINDOWS)
    if not len(values):
        return np.zeros(0), np.zeros(0)
    window = np.ones(width) / width
    return np.convolve(steps, window, "valid"), np.convolve(values, window, "valid")
