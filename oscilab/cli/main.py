"""`oscilab`: the console script."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import EntryPoint, version
from types import TracebackType
from typing import Annotated

import typer

from oscilab.cli import bench_commands, hardware_commands, run_commands
from oscilab.cli.options import command_of
from oscilab.cli.output import Stopped, debugging, escape_unencodable, notes_of, say
from oscilab.errors import OscilabError
from oscilab.plugins import installed, load_entry

FULL = {errno.ENOSPC, errno.EDQUOT}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0 is success, 2 bad input, 130 a stop by Ctrl-C; `oscilab.errors` has the others. An error is
    printed as one line on stderr; OSCILAB_DEBUG=1 adds the traceback.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    escape_unencodable()
    if not debugging():
        sys.excepthook = _say_bug
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _usage_error(error)
    except OscilabError as error:
        if debugging():
            traceback.print_exc()
        say("; ".join(filter(None, [str(error), notes_of(error)])))
        return error.exit_code
    except KeyboardInterrupt:
        code = Stopped.exit_code
    except OSError as error:
        if error.errno not in FULL:
            raise
        return _say_full(error)
    if code == Stopped.exit_code:
        say("stopped by Ctrl-C")
    return code


def application(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the application; of the plugin commands only the one in `arguments` is loaded."""
    app = typer.Typer(
        name="oscilab",
        help="Train and run generative models in a physical array of oscillators.",
        add_completion=False,
        pretty_exceptions_enable=False,
        invoke_without_command=True,
    )
    app.callback()(_start)
    app.command()(command_of(run_commands.train, run_commands.TrainOptions))
    app.command()(command_of(run_commands.sample, run_commands.SampleOptions))
    app.command()(bench_commands.experiments)
    app.command()(bench_commands.devices)
    app.command()(bench_commands.benches)
    app.command()(bench_commands.check)
    app.command("init-bench")(bench_commands.init_bench)
    app.command()(hardware_commands.safe)
    app.command()(hardware_commands.read)
    # An unknown option may be a negative number of volts.
    app.command("set", context_settings={"ignore_unknown_options": True})(
        hardware_commands.set_line
    )
    app.command()(hardware_commands.calibrate)
    app.command("test")(hardware_commands.self_test)
    mount(app, arguments)
    return app


def _run(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(application(arguments))
    answer: object = command.main(args=list(arguments), prog_name="oscilab", standalone_mode=False)
    return answer if isinstance(answer, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"oscilab {version('oscilab')}")
        raise typer.Exit


def _start(
    context: typer.Context,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def _say_full(error: OSError) -> int:
    if debugging():
        traceback.print_exc()
    what = error.filename or "what standard output goes to"
    say(f"{what} is full ({error.strerror}); free some space, or write elsewhere")
    if error.filename is None:
        # Flushing the rest of the buffer would fail again when Python exits.
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.close(sink)
    return OscilabError.exit_code


def _usage_error(error: typer.TyperException) -> int:
    message = error.format_message().replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    if "\n" in message or not message:
        # A group called without a command returns its help, which may have been printed already.
        print(message, file=sys.stderr)
    else:
        command = context.command_path if context else "oscilab"
        say(f"{message.rstrip('.')}; see `{command} --help`")
    return error.exit_code


def _say_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    say(
        f"a fault in oscilab itself ({kind.__name__}: {error}); please report it with what "
        "OSCILAB_DEBUG=1 prints"
    )


GROUP = "oscilab.commands"
OWN = {
    "monitor": (
        EntryPoint("monitor", "oscilab.cli.monitor:monitor", GROUP),
        "Watch a run in the terminal.",
    ),
    "view": (
        EntryPoint("view", "oscilab.cli.monitor:view", GROUP),
        "Watch a run in a window.",
    ),
    "serve": (
        EntryPoint("serve", "oscilab.cli.hardware_commands:serve", GROUP),
        "Serve the twin of a device.",
    ),
    "traces": (
        EntryPoint("traces", "oscilab.cli.traces_commands:app", GROUP),
        "Look into run files.",
    ),
}


def mount(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Add plugin commands and heavy ones to `app`: the called one, and stubs for the rest.

    Raises:
        OscilabError: the called command cannot be loaded.
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
            "a function; its package must be corrected"
        )


def _credit(entry: EntryPoint) -> str:
    return f"From the package {entry.dist.name if entry.dist else entry.module}."


def _stub() -> None:
    """Stand in for a command in the list of commands; never called."""
