"""What a run is asked to do, in full: every key that a flag, `--set` or a TOML file can give."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from oscilab.bench.tables import Table

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Time = Annotated[float, Field(ge=1e-6, le=1000, allow_inf_nan=False)]
"""Outside this range noise or data are lost in rounding."""
Factor = Annotated[float, Field(ge=1e-3, le=1e3, allow_inf_nan=False)]


class EncoderSettings(Table):
    """How data become positions of oscillators.

    `identity` takes data as positions; `range` takes the ends of the data's range to -reach and
    +reach; `scale` centres them and gives them the RMS `rms`; `principal` takes `components`
    whitened principal components, whose deviations are at least `floor`. Installed packages may
    bring other kinds.
    """

    kind: str = "scale"
    rms: Positive = 1.0
    reach: Positive = 1.0
    components: Count = 16
    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Settings(Table):
    """One run's settings. Times are noising times, lengths thermal amplitudes."""

    experiment: str = "digits"

    data: str | None = None
    """A folder of IDX files, or a .npy or .npz file, as the experiment needs."""
    download: bool = False
    """Whether missing files of a public data set may be fetched."""
    label: int | None = None
    """Train on this class alone."""
    rows: Count | None = None
    """Rows and columns that images are averaged to, where the experiment can choose."""
    columns: Count | None = None
    encoder: EncoderSettings = EncoderSettings()

    topology: str = "all-to-all"
    """`nearest`, `lattice` (with `radius`), `all-to-all`, or the path of an edge list."""
    radius: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.5
    terms: list[str] = Field(default=["bias", "stiffness", "quartic", "coupling"], min_length=1)

    rule: str = "force-matching"
    """`force-matching`, `cd1`, `displacement`, `reverse-path` or `reverse-path-displacement`,
    or one that an installed package brings."""
    online: bool = False
    """Correct after every single measurement instead of after every batch."""
    delta: Annotated[float, Field(ge=1e-4, le=0.5)] = 0.1
    """For how long rules that release the clamps do so, in units of sigma_t^2.

    In much less time a force moves oscillators by less than the rounding of positions, and nothing
    is learned.
    """
    slices: Count = 24
    t_min: Time = 0.02
    t_max: Time = 3.0
    interpolation: Literal["constant", "linear"] = "constant"
    speed: Factor = 1.0
    """How fast the array runs the noising backwards; its bath stays as it is."""
    stretch: Factor = 1.0
    """How much longer slices are held than the noising took: above 1, sharper, less diverse."""
    weighting: Literal["variance", "uniform"] = "variance"
    features_at: Literal["set_points", "measured"] = "set_points"

    steps: Count = 600
    """Updates of every node; each measures every node once."""
    batch: Count = 128
    optimiser: str = "adam"
    """`adam` or `sgd`, or one that an installed package brings."""
    rate: Positive = 0.05
    """Step size at the start, in curvature units; it falls to `final_rate` of itself."""
    final_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    averaged: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The protocol is the mean of the parameters over this last share of the steps."""
    checkpoint_every: Count = 50

    readout: Literal["raw", "denoised"] = "denoised"
    samples: Count = 2000
    judge: str | None = None
    """What judges the samples in place of the experiment's own: `data`, or an installed judge."""
    seed: Annotated[int, Field(ge=0)] = 0


def is_path(topology: str) -> bool:
    """Whether a topology's name is the path of an edge list."""
    return any(mark in topology for mark in "./\\")
