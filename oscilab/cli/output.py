"""Output of the command line: tables and results on stdout, everything else on stderr."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from oscilab.errors import OscilabError
from oscilab.interruption import MadeSafe, Terminated

if TYPE_CHECKING:
    from rich.console import Console

# Wide enough for any path: lines must not be wrapped unless on a terminal.
UNBROKEN = 10_000


class Stopped(OscilabError):
    """The user stopped the work."""

    exit_code = 130


class Ended(Stopped):
    """The process was terminated by SIGTERM or Ctrl-Break."""

    exit_code = 143


@contextmanager
def stops_reported(remedy: str) -> Generator[None]:
    """Turn a stop by a signal into one sentence, which ends with `remedy`.

    Notes that were added to the exception replace `remedy`.

    Raises:
        Stopped: Ctrl-C, or the safe state from a viewer.
        Ended: SIGTERM.
    """
    try:
        yield
    except MadeSafe as error:
        raise Stopped(f"stopped: {error}; {notes_of(error) or remedy}") from error
    except Terminated as error:
        raise Ended(f"{error}; {notes_of(error) or remedy}") from error
    except KeyboardInterrupt as error:
        raise Stopped(f"stopped by Ctrl-C; {notes_of(error) or remedy}") from error


def notes_of(error: BaseException) -> str:
    """Return the notes of an exception."""
    return "; ".join(getattr(error, "__notes__", []))


def debugging() -> bool:
    """Return whether tracebacks are on, by OSCILAB_DEBUG=1."""
    return os.environ.get("OSCILAB_DEBUG") == "1"


def say(sentence: str) -> None:
    """Print one line on stderr, after the program's name."""
    print(f"oscilab: {' '.join(sentence.split())}", file=sys.stderr, flush=True)


def escape_unencodable() -> None:
    """Print the code of a character that the console cannot encode (Windows, C locale)."""
    for name in ("stdout", "stderr"):
        # A stream that was closed when the program started is None.
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def console(stream: TextIO) -> Console:
    """Return a rich console on `stream` that prints text unchanged."""
    from rich.console import Console

    width = None if stream.isatty() else UNBROKEN
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout, one line per row."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console(sys.stdout).print(table)


def print_rows(title: str, rows: Mapping[str, str], on: Console) -> None:
    """Print a title, and aligned names and values below it."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(Text(name), Text(value))
    on.print(Text(title, style="bold"))
    on.print(Padding.indent(grid, 2))


# Suffixes of figures' names (see `oscilab.merit`), and the columns for them.
COMPARISONS = {
    "truth": "truth",
    "data": "real data",
    "floor": "real data",
    "held_out": "real data",
    "gaussian": "fitted Gaussian",
}
UNCERTAINTIES = ("error", "low", "high")


def figure_table(figures: Mapping[str, float]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows, without empty columns.

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
