"""Studies: points that can be measured independently, a table and a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over `n` independent values and half the width of its 95 % interval.

    The interval is by Student's t. For a single value, `half` is NaN.
    """

    mean: float
    half: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Return the interval of independent `values`."""
        from scipy import stats

        found = np.asarray(values, float)
        if len(found) < 2:
            return cls(float(found.mean()), float("nan"), len(found))
        quantile = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(found) - 1))
        half = quantile * float(found.std(ddof=1)) / len(found) ** 0.5
        return cls(float(found.mean()), half, len(found))

    def __str__(self) -> str:
        if not np.isfinite(self.half):
            return f"{self.mean:.3g}"
        if self.half <= 0:
            return f"{self.mean:.3g} ± 0"
        digits = max(0, int(np.ceil(-np.log10(self.half))) + 1)
        return f"{self.mean:.{digits}f} ± {self.half:.{digits}f}"


@dataclass(frozen=True)
class Table:
    """Rows of named values: text, numbers or intervals; `notes` are sentences below them."""

    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = field(default_factory=tuple)
    wide: frozenset[str] = frozenset()
    """Columns that only the CSV has, not the markdown."""

    def csv(self) -> str:
        """Return all columns as CSV; an interval takes two, the second `NAME_half`."""
        flat = [dict(_flat(row)) for row in self.rows]
        names = list(dict.fromkeys(name for row in flat for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        return text.getvalue()

    def markdown(self) -> str:
        """Return the main columns and the notes as markdown."""
        names = [
            name
            for name in dict.fromkeys(name for row in self.rows for name in row)
            if name not in self.wide
        ]
        lines = [names, ["---"] * len(names)]
        lines += [[_text(row.get(name, "")) for name in names] for row in self.rows]
        grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join([grid, *self.notes]) + "\n"


def _flat(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in row.items():
        if isinstance(value, Interval):
            found += [(name, f"{value.mean:.6g}"), (f"{name}_half", f"{value.half:.3g}")]
        else:
            found.append((name, f"{value:.6g}" if isinstance(value, float) else value))
    return found


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Options:
    """The user's options for a study.

    `data` is the folder of the data. `steps` per training and `seeds` override the study's own.
    """

    quick: bool = False
    data: str | None = None
    steps: int | None = None
    seeds: int | None = None


@dataclass(frozen=True)
class Point:
    """One measurement, which does not depend on any other.

    `key` names its files; `work` is `module:function`, which is called with `settings` (of JSON's
    kinds only) and a folder to leave run files in, and answers with values of JSON's kinds.
    """

    key: str
    work: str
    settings: Mapping[str, Any]

    def measure(self, folder: Path) -> dict[str, Any]:
        """Measure the point, leaving run files in `folder`."""
        module, _, function = self.work.partition(":")
        return getattr(import_module(module), function)(folder=folder, **self.settings)


@dataclass(frozen=True, eq=False)
class Measured:
    """A measured point; `files` are its run files by suffix (such as `.h5`)."""

    point: Point
    values: Mapping[str, Any]
    files: Mapping[str, Path]
    seconds: float


def excesses(seeds: Sequence[Measured], reference: Sequence[Measured], name: str) -> list[float]:
    """Return the relative excess of value `name` over the reference's, for every common seed."""
    by_seed = {each.point.settings["seed"]: each.values[name] for each in reference}
    return [
        each.values[name] / by_seed[each.point.settings["seed"]] - 1
        for each in seeds
        if each.point.settings["seed"] in by_seed
    ]


@dataclass(frozen=True)
class Study:
    """A study: `plan` lists its points, `tabulate` makes their table, `draw` one figure.

    `draw` is called with the measured points and a path that ends in .png or .pdf.
    """

    name: str
    plan: Callable[[Options], list[Point]]
    tabulate: Callable[[Sequence[Measured]], Table]
    draw: Callable[[Sequence[Measured], Path], None]
