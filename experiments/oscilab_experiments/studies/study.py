"""What a study is: points that can be measured apart from each other, and a report on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from oscilab_experiments.studies.table import Table


@dataclass(frozen=True)
class Options:
    """What the user asked of a study: a small one, and where data lie.

    `steps` of a training in batches and number of `seeds` are the study's own unless given.
    """

    quick: bool = False
    data: str | None = None
    steps: int | None = None
    seeds: int | None = None


@dataclass(frozen=True)
class Point:
    """One piece of work that depends on no other.

    `key` names its files; `work` is `module:function`, which is called with `settings` (of JSON's
    kinds only) and a folder to leave run files in, and answers with values of JSON's kinds.
    """

    key: str
    work: str
    settings: Mapping[str, Any]

    def measure(self, folder: Path) -> dict[str, Any]:
        """Do the work."""
        module, _, function = self.work.partition(":")
        return getattr(import_module(module), function)(folder=folder, **self.settings)


@dataclass(frozen=True, eq=False)
class Measured:
    """What a point came to; `files` are its run files, by what they end in (such as `.h5`)."""

    point: Point
    values: Mapping[str, Any]
    files: Mapping[str, Path]
    seconds: float


def excesses(seeds: Sequence[Measured], reference: Sequence[Measured], name: str) -> list[float]:
    """By how much the value `name` exceeds the reference's, as a share, for every seed of both."""
    by_seed = {each.point.settings["seed"]: each.values[name] for each in reference}
    return [
        each.values[name] / by_seed[each.point.settings["seed"]] - 1
        for each in seeds
        if each.point.settings["seed"] in by_seed
    ]


@dataclass(frozen=True)
class Study:
    """`plan` names the points, `tabulate` makes the table of them, `draw` one figure.

    `draw` is called with the measured points and a path that ends in .png or .pdf.
    """

    name: str
    plan: Callable[[Options], list[Point]]
    tabulate: Callable[[Sequence[Measured]], Table]
    draw: Callable[[Sequence[Measured], Path], None]
