"""How a command lets its run be watched: published, and in a window if asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oscilab.errors import InvalidInput

if TYPE_CHECKING:
    from oscilab.observer import Observer

LiveOption = Annotated[
    bool, typer.Option("--live", help="Open the live view in a window of its own.")
]
PublishOption = Annotated[
    bool,
    typer.Option(
        "--publish/--no-publish",
        help="Let `oscilab view` and `oscilab monitor` watch the run, on this computer only.",
    ),
]
WINDOW_PACKAGES = ("pyqtgraph", "PySide6")


def observer(publish: bool, window: bool) -> Observer | None:
    """What publishes the run, or nothing.

    Raises:
        InvalidInput: a window without what draws it, or of a run that is not published.
    """
    if not publish and not window:
        return None
    if not publish:
        raise InvalidInput("--live shows what the run publishes; leave --no-publish away")
    if window:
        check_window_packages()
    from oscilab.live import Live

    return Live(open_window if window else None)


def check_window_packages() -> None:
    """Refuse where the packages that draw the window are not installed.

    Raises:
        InvalidInput: naming what to install.
    """
    missing = [name for name in WINDOW_PACKAGES if find_spec(name) is None]
    if missing:
        raise InvalidInput(
            f"the live view needs {' and '.join(missing)}, which is not installed; install "
            "oscilab[view], or use `oscilab monitor`"
        )


def open_window(run: Path) -> None:
    """`oscilab view` in a process of its own, which may outlive this one, and not the reverse."""
    apart: dict[str, Any] = (
        {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        if sys.platform == "win32"
        # Out of reach of the terminal's Ctrl-C.
        else {"start_new_session": True}
    )
    subprocess.Popen(
        [sys.executable, "-m", "oscilab", "view", str(run)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        close_fds=True, **apart,
    )  # fmt: skip
