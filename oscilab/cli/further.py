"""Commands that are loaded when they are asked for, so that `oscilab --help` stays quick."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint

import typer

from oscilab.errors import OscilabError
from oscilab.plugins import installed, load_entry

GROUP = "oscilab.commands"
OWN = {
    "monitor": (
        EntryPoint("monitor", "oscilab.cli.monitoring:monitor", GROUP),
        "Watch a run in the terminal.",
    ),
    "view": (
        EntryPoint("view", "oscilab.cli.viewing:view", GROUP),
        "Watch a run in a window.",
    ),
    "serve": (
        EntryPoint("serve", "oscilab.cli.serving:serve", GROUP),
        "Serve the twin of a device.",
    ),
    "traces": (
        EntryPoint("traces", "oscilab.traces.commands:app", GROUP),
        "Look into run files.",
    ),
}


def mount(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Add every further command to `app`: the one that `arguments` call, and stubs of the rest.

    Raises:
        OscilabError: the command that is called cannot be loaded.
    """
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    plugins = {name: (entry, _credit(entry)) for name, entry in installed(GROUP).items()}
    for name, (entry, help_line) in {**plugins, **OWN}.items():
        if name == called:
            _mount_loaded(app, entry, help_line)
        else:
            app.command(name, help=help_line)(_stub)


def _mount_loaded(app: typer.Typer, entry: EntryPoint, help_line: str) -> None:
    loaded = load_entry(entry)
    if isinstance(loaded, typer.Typer):
        app.add_typer(loaded, name=entry.name)
    elif callable(loaded):
        app.command(entry.name)(loaded)
    else:
        raise OscilabError(
            f"the command {entry.name!r} is {loaded!r}, which is neither a typer application nor "
            "a function; its package must be mended"
        )


def _credit(entry: EntryPoint) -> str:
    return f"From the package {entry.dist.name if entry.dist else entry.module}."


def _stub() -> None:
    """Shown in the list of commands, and never called."""
