"""A recipe: where an experiment's data come from, and how its samples are judged and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from oscilab.data.dataset import Dataset
from oscilab.experiment.settings import Settings
from oscilab.types import Float64Array

Values = Float64Array


@dataclass(frozen=True, eq=False)
class Generated:
    """Samples of a protocol in the data's own units, `[sample, feature]`.

    `shown` is the readout that the run asks for; `positions` `[sample, oscillator]` are its raw
    final positions.
    """

    shown: Values
    positions: Values
    readout: str


Judge = Callable[[Settings, Dataset, Generated], dict[str, float]]
Draw = Callable[[Settings, Dataset, Generated, Path], Path]


@dataclass(frozen=True)
class Recipe:
    """An experiment under the entry point group `oscilab.experiments`.

    `defaults` are the settings that differ from those of `Settings`; `unused` are settings that
    this experiment has no use for, refused if given. `load` gives the data, `judge` the figures of
    merit by name, `draw` writes the picture.
    """

    name: str
    description: str
    defaults: Mapping[str, object]
    load: Callable[[Settings], Dataset]
    judge: Judge
    draw: Draw
    unused: frozenset[str] = frozenset()
