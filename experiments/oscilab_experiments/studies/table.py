"""A study's table: numbers with intervals, as CSV to compute with and as markdown to read."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over `n` independent values and half the width of its 95 % interval.

    By Student's t; of a single value nothing is known and `half` is NaN.
    """

    mean: float
    half: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Of independent `values`."""
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
    """Rows of named values: text, numbers or intervals; `notes` are sentences under them."""

    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = field(default_factory=tuple)
    wide: frozenset[str] = frozenset()
    """Columns that the CSV has and the markdown leaves out."""

    def csv(self) -> str:
        """Every column; an interval takes two, the second `NAME_half`."""
        flat = [dict(_flat(row)) for row in self.rows]
        names = list(dict.fromkeys(name for row in flat for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        return text.getvalue()

    def markdown(self) -> str:
        """The columns that a reader compares, then the notes."""
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
