"""The style of all pictures, and how to save one completely or not at all."""

# matplotlib types its methods, but not their keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oscilab.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 160

# Hues that colour-blind readers can distinguish (Okabe and Ito).
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, "#56B4E9", "#E69F00", "#000000", "#999999")
INK, FAINT, GUTTER = "#222222", "#8a8f98", "#c9ced6"

SEQUENTIAL, DIVERGING, PAPER = "cividis", "RdBu_r", "gray_r"

STYLE: Mapping[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "figure.titlesize": 11,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.3,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


@contextmanager
def picture(path: str | Path, width: float, height: float) -> Generator[Figure]:
    """Yield a figure of `width` x `height` inches to draw on, saved as PNG or PDF at the end.

    It does not use pyplot, so that it needs no display and changes no global state. The file
    appears under its name when it is complete. If drawing or writing fails, an older file of that
    name is left unchanged.

    Raises:
        InvalidInput: the name ends in neither .png nor .pdf, or the folder cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".png", ".pdf"):
        raise InvalidInput(f"picture {path} must be named with .png or .pdf at the end")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    style: Any = dict(STYLE)
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        try:
            with partial.open("wb") as file:
                figure.savefig(file, format=kind[1:])
            partial.replace(path)
        except OSError as error:
            raise InvalidInput(f"picture {path} cannot be written: {error}") from error
        finally:
            partial.unlink(missing_ok=True)
