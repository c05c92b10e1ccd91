"""`oscilab monitor` and `oscilab view`: watch a run in the terminal or in a window."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from oscilab.cli.output import console
from oscilab.cli.run_commands import check_window_packages

if TYPE_CHECKING:
    from oscilab.live.session import Session

if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def keys_pressed() -> Generator[Callable[[], list[str]]]:
        """Yield a function that returns the keys pressed since its last call."""

        def pressed() -> list[str]:
            found: list[str] = []
            while msvcrt.kbhit():
                found.append(msvcrt.getwch())
            return found

        yield pressed

else:
    import select
    import termios
    import tty

    @contextmanager
    def keys_pressed() -> Generator[Callable[[], list[str]]]:
        """Yield a function that returns the keys pressed since its last call."""
        if not sys.stdin.isatty():
            yield list[str]
            return
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)

        def pressed() -> list[str]:
            found: list[str] = []
            while select.select([descriptor], [], [], 0)[0]:
                key = sys.stdin.read(1)
                if not key:
                    break
                found.append(key)
            return found

        try:
            tty.setcbreak(descriptor)
            yield pressed
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


RunName = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run file, live or finished, or its *.live.json.")
]
Action = Literal["pause", "resume", "safe"]
POLL_S = 0.05
REDRAW_S = 0.25
KEYS = {"p": "pause", "r": "resume", "s": "safe"}
PATIENCE_S = 60.0
SURE_S = 3.0
"""A second `s` within this time confirms the first."""


def monitor(
    run: RunName,
    do: Annotated[
        Action | None, typer.Option("--do", help="Ask the run for this, and leave.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print the state once, and leave.")] = False,
) -> None:
    """Watch a run in the terminal: p pauses, r resumes, s twice is the safe state, q leaves."""
    if do is not None:
        print(_asked(run, do))
        return
    from oscilab.live.session import Session

    session = Session(run)
    try:
        if once or not sys.stdout.isatty():
            _print_once(session)
        else:
            _watch(session)
    except KeyboardInterrupt:
        return
    finally:
        session.close()


def _asked(run: Path, action: Action) -> str:
    from oscilab.live.client import Requests
    from oscilab.live.control import address_path, read_address

    requests = Requests(read_address(run if run.name.endswith(".json") else address_path(run)))
    try:
        return requests.ask(action)
    finally:
        requests.close()


def _print_once(session: Session) -> None:
    from oscilab.cli.monitor_screen import screen

    # A run that says nothing counts as silent by then; its file is always waited for.
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and not session.is_informed:
        session.poll()
        time.sleep(POLL_S)
    out = console(sys.stdout)
    out.print(screen(session, 100, pictures=out.is_terminal, keys=False), width=100)


def _watch(session: Session) -> None:
    from rich.live import Live as Screen

    from oscilab.cli.monitor_screen import screen

    out = console(sys.stdout)
    asked_for_safe = drawn = -SURE_S
    with keys_pressed() as pressed, Screen(console=out, screen=True, auto_refresh=False) as shown:
        while True:
            session.poll()
            now = time.monotonic()
            for key in pressed():
                if key in ("q", "\x03"):
                    return
                action = KEYS.get(key)
                if action == "safe" and now - asked_for_safe > SURE_S:
                    asked_for_safe = now
                    session.said = "press s once more for the safe state, which ends the run"
                elif action is not None:
                    session.try_to(action)
            if now - drawn >= REDRAW_S:
                drawn = now
                shown.update(screen(session, out.width), refresh=True)
            time.sleep(POLL_S)


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
