"""The noising times at which drive settings are learned, and how long each is played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.types import Float64Array

Interpolation = Literal["constant", "linear"]
READOUT_NODE = 0


@dataclass(frozen=True, eq=False)
class Schedule:
    """Slices of the noising time between `edges` `[slice + 1]`, ascending from t_min to T.

    Drive parameters are learned at `nodes`. Node 0 is at t_min, for the denoised readout.
    With `constant` interpolation the other nodes are at each slice's geometric middle and are held
    throughout it (a node at a slice's end costs 10 to 30 % of the final variance at 24 slices);
    with `linear` they are at the edges.

    Every slice is held `stretch` times as long as its noising took. At 1, playback reverses the
    noising. Above 1, the array has time to relax towards the equilibrium of each setting, which is
    sharper than p_t: samples are cleaner and less diverse.
    """

    edges: Float64Array
    interpolation: Interpolation = "constant"
    stretch: float = 1.0

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, np.float64)
        object.__setattr__(self, "edges", edges)
        if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all():
            raise InvalidInput(
                f"a schedule needs two or more finite edges of noising time, not {edges.tolist()}"
            )
        if edges[0] <= 0 or (np.diff(edges) <= 0).any():
            raise InvalidInput(
                f"schedule edges must ascend from above zero; they are {edges.tolist()}"
            )
        if not 0 < self.stretch < np.inf:
            raise InvalidInput(f"stretch is {self.stretch}, but must be finite and above zero")
        if self.interpolation not in ("constant", "linear"):
            raise InvalidInput(
                f"interpolation {self.interpolation!r} is neither 'constant' nor 'linear'"
            )

    @property
    def slices(self) -> int:
        """The number of slices."""
        return len(self.edges) - 1

    @property
    def t_min(self) -> float:
        """The noising time at which playback ends."""
        return float(self.edges[0])

    @property
    def t_max(self) -> float:
        """The noising time T at which playback starts."""
        return float(self.edges[-1])

    def durations(self, edges: Float64Array, speed: float) -> Float64Array:
        """Return the array time for which to hold each interval between `edges`."""
        return np.diff(edges) * self.stretch / speed

    @property
    def nodes(self) -> Float64Array:
        """The noising times at which parameters are learned, `[node]`, ascending."""
        if self.interpolation == "linear":
            return self.edges
        return np.concatenate([self.edges[:1], np.sqrt(self.edges[1:] * self.edges[:-1])])


def geometric(
    slices: int,
    t_min: float,
    t_max: float,
    interpolation: Interpolation = "constant",
    stretch: float = 1.0,
) -> Schedule:
    """Return a schedule whose edges form a geometric sequence from `t_min` to `t_max`.

    Raises:
        InvalidInput: `slices` is below 1, or the times do not satisfy 0 < t_min < t_max.
    """
    if slices < 1:
        raise InvalidInput(f"{slices} slices make no protocol; use 1 or more")
    if not 0 < t_min < t_max < np.inf:
        raise InvalidInput(f"noising times must satisfy 0 < t_min < t_max, not {t_min}, {t_max}")
    return Schedule(np.geomspace(t_min, t_max, slices + 1), interpolation, stretch)
