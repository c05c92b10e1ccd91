"""First-order lag of lines that approach a new level exponentially."""

from __future__ import annotations

import numpy as np

from oscilab.types import FloatArray, IndexArray


def lagged_starts(
    levels: FloatArray, durations: FloatArray, start: FloatArray, constant: float
) -> FloatArray:
    """Where lines stand as each step begins, `[line, step + 1]`; the last is the end.

    `levels` `[line, step]` (or one step for all) are approached with time constant `constant` for
    `durations` `[step]`, from `start` `[line]`.
    """
    values = np.empty((len(start), len(durations) + 1))
    values[:, 0] = start
    if not constant:
        values[:, 1:] = levels
        return values
    left = np.exp(-durations / constant)
    for step, share in enumerate(left.tolist()):
        level = levels[:, min(step, levels.shape[1] - 1)]
        values[:, step + 1] = level + share * (values[:, step] - level)
    return values


def lagged_means(
    levels: FloatArray, starts: FloatArray, durations: FloatArray, constant: float
) -> FloatArray:
    """The mean over each step, `[line, step]`, of lines that begin it at `starts`."""
    if not constant:
        return levels
    share = constant / durations * -np.expm1(-durations / constant)
    return levels + share * (starts[:, :-1] - levels)


def lagged_at(
    levels: FloatArray, starts: FloatArray, steps: IndexArray, since: FloatArray, constant: float
) -> FloatArray:
    """Values `[line, reading]`, `since` seconds after the beginning of `steps` `[reading]`."""
    at = levels[:, np.minimum(steps, levels.shape[1] - 1)]
    if not constant:
        return at
    return at + np.exp(-since / constant) * (starts[:, steps] - at)
