"""Figures of merit as a table: beside each value its uncertainty and what to compare it with."""

from __future__ import annotations

from collections.abc import Mapping

# What names end in (`oscilab.merit` says what each is), and the column that it goes to.
COMPARISONS = {
    "truth": "truth",
    "data": "real data",
    "floor": "real data",
    "held_out": "real data",
    "gaussian": "fitted Gaussian",
}
UNCERTAINTIES = ("error", "low", "high")


def figure_table(figures: Mapping[str, float]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows; a column that would be empty is left out.

    For example `{"share": 0.7, "share_error": 0.1, "share_data": 1.0}` is one row of four cells.
    """
    rows = [_row(name, figures) for name in figures if not _belongs_to_another(name, figures)]
    wanted = ["figure of merit", "value", "uncertainty", *dict.fromkeys(COMPARISONS.values())]
    headings = [heading for heading in wanted if any(row.get(heading) for row in rows)]
    return headings, [[row.get(heading, "") for heading in headings] for row in rows]


def _row(name: str, figures: Mapping[str, float]) -> dict[str, str]:
    stem = name.removesuffix("_mean")
    row = {"figure of merit": name.replace("_", " "), "value": f"{figures[name]:.4g}"}
    if f"{stem}_error" in figures:
        row["uncertainty"] = f"± {figures[f'{stem}_error']:.2g}"
    elif f"{stem}_low" in figures and f"{stem}_high" in figures:
        row["uncertainty"] = f"{figures[f'{stem}_low']:.4g} to {figures[f'{stem}_high']:.4g}"
    for ending, heading in COMPARISONS.items():
        if f"{stem}_{ending}" in figures:
            row[heading] = f"{figures[f'{stem}_{ending}']:.4g}"
    return row


def _belongs_to_another(name: str, figures: Mapping[str, float]) -> bool:
    for ending in (*COMPARISONS, *UNCERTAINTIES):
        stem = name.removesuffix(f"_{ending}")
        if stem != name and (stem in figures or f"{stem}_mean" in figures):
            return True
    return False
