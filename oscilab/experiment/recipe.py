"""A recipe: where an experiment's data come from, and how its samples are judged and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from oscilab.data.dataset import Dataset
from oscilab.experiment.settings import Settings
from oscilab.plugins import find
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


class Judge(Protocol):
    """Figures of merit by name: a recipe's own, or an entry of `oscilab.judges`."""

    def __call__(
        self, settings: Settings, dataset: Dataset, generated: Generated
    ) -> dict[str, float]:
        """Return the figures of `generated`, compared with `dataset`."""
        ...


def judge_data(settings: Settings, dataset: Dataset, generated: Generated) -> dict[str, float]:
    """Return the figures that any data set allows."""
    # Imported here: it is needed only at the end of a run.
    from oscilab.merit.figures import data_figures

    return data_figures(generated.shown, dataset)


GROUP = "oscilab.judges"
JUDGES: Mapping[str, Judge] = {"data": judge_data}


def find_judge(name: str) -> Judge:
    """Return the judge of that name, oscilab's own or installed.

    Raises:
        InvalidInput: there is none; the message lists those that exist.
        OscilabError: it is installed but cannot be used.
    """
    return find(GROUP, name, JUDGES, Judge)


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
