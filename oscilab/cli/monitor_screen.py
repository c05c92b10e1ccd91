"""The screen of `oscilab monitor`: the window's panels as text."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from oscilab.live.display import DIVERGING, SEQUENTIAL, colours, condition_rows, progress_rows
from oscilab.live.session import Session
from oscilab.types import Float64Array

BARS = "▁▂▃▄▅▆▇█"
MOST_SIDE = 32
"""The most rows and columns of an array to draw; a larger one is subsampled."""
UPPER_HALF = "▀"


def screen(
    session: Session, width: int, *, pictures: bool = True, keys: bool = True
) -> RenderableType:
    """Return the screen for a terminal of `width` characters, optionally with `pictures`."""
    model = session.model
    parts: list[RenderableType] = [_heading(session)]
    parts.append(
        Columns([_table(progress_rows(session)), _table(condition_rows(model))], padding=(0, 4))
    )
    if model.curves is not None:
        across = max(10, width - 30)
        for name, label in (("loss", "loss"), ("gradient_norm", "gradient")):
            parts.append(_curve(model.curves.mean(name), label, across))
    if pictures and model.facts is not None and model.reading:
        parts.append(Columns(_maps(session), padding=(0, 3)))
    notes = list(model.status.get("notes", []))[-2:]
    parts += [Text(f"note: {note}", style="yellow") for note in notes]
    if session.said:
        parts.append(Text(session.said, style="bold"))
    if keys:
        parts.append(Text("p pause   r resume   s s safe state   q leave", style="dim"))
    return Group(*parts)


def _heading(session: Session) -> Panel:
    facts = session.model.facts
    title = Text(session.state(), style="bold")
    name = f"{facts.title} on {facts.device}" if facts else str(session.path)
    return Panel(title, title=Text(name), title_align="left", height=3)


def _table(rows: list[tuple[str, str, bool]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value, good in rows:
        grid.add_row(Text(name, style="dim"), Text(value, style="" if good else "bold red"))
    return grid


def _curve(values: Float64Array, label: str, width: int) -> Text:
    if not len(values):
        return Text(f"{label:<9} nothing yet", style="dim")
    edges = np.linspace(0, len(values), min(width, len(values)) + 1).astype(int)
    shown = np.array([values[a:b].mean() for a, b in pairwise(edges)])
    shown = np.log(np.maximum(shown, 1e-300))
    low, high = shown.min(), shown.max()
    place = np.zeros(len(shown)) if high <= low else (shown - low) / (high - low)
    bars = "".join(BARS[int(each * (len(BARS) - 1) + 0.5)] for each in place)
    return Text(f"{label:<9} {bars} {values[-1]:.4g}")


def _maps(session: Session) -> list[RenderableType]:
    model = session.model
    assert model.facts is not None
    found: list[RenderableType] = []
    for name in ("positions", "forces", "residuals", "ends"):
        if name in model.reading:
            values = np.asarray(model.reading[name], np.float64)
            shown = np.sqrt((values**2).mean(axis=0)) if name == "residuals" else values[-1]
            found.append(_map(name, shown.reshape(model.facts.layout), name == "residuals"))
    return found


def _map(name: str, values: NDArray[Any], rms: bool) -> RenderableType:
    """Draw two rows of the array per line of characters, using half blocks of two colours."""
    step = max(1, -(-max(values.shape) // MOST_SIDE))
    values = values[::step, ::step]
    reach = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    place = values / reach if rms else 0.5 + 0.5 * values / reach
    pixels = colours(place, SEQUENTIAL if rms else DIVERGING)
    lines = [Text(f"{name}{' (rms)' if rms else ''} ±{reach:.3g}"[:40])]
    for row in range(0, len(pixels), 2):
        line = Text()
        for column in range(pixels.shape[1]):
            below = pixels[row + 1, column] if row + 1 < len(pixels) else None
            style = Style(color=_hex(pixels[row, column]), bgcolor=_hex(below))
            line.append(UPPER_HALF * 2, style)
        lines.append(line)
    return Group(*lines)


def _hex(colour: NDArray[np.uint8] | None) -> str | None:
    return None if colour is None else "#{:02x}{:02x}{:02x}".format(*colour.tolist())
