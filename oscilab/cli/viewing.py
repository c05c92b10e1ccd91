"""`oscilab view`: a run in a window, live or from its file."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from oscilab.cli.living import check_window_packages
from oscilab.cli.monitoring import RunName


def view(
    run: RunName,
    theme: Annotated[
        Literal["light", "dark", "system"], typer.Option(help="The window's colours.")
    ] = "system",
) -> None:
    """Watch a run in a window: hold it, let it go on, or bring it to its safe state."""
    check_window_packages()
    from oscilab.live.session import Session
    from oscilab.viewer import show

    raise typer.Exit(show(Session(run), theme))
