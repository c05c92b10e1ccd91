"""`oscilab traces`: look into run files."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from oscilab.cli.output import figure_table, print_table, say
from oscilab.errors import InvalidInput

app = typer.Typer(help="Look into run files.", no_args_is_help=True, add_completion=False)

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run file: live, torn or finished.")]


class Format(StrEnum):
    """The formats of `export`."""

    NETCDF = "netcdf"
    ZARR = "zarr"
    CSV = "csv"


class PictureFormat(StrEnum):
    """The formats of `plot`."""

    PNG = "png"
    PDF = "pdf"


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="A folder of run files.")] = Path("runs"),
) -> None:
    """List the runs of a folder, oldest first."""
    from oscilab.traces.summary import human, runs_in

    found, unreadable = runs_in(folder)
    if not found and not unreadable:
        say(f"{folder} holds no run files; `oscilab train` makes one")
    rows = [
        [each.path.name, each.status, each.kind, str(each.batches), each.started, human(each.bytes)]
        for each in found
    ]
    if rows:
        print_table(["run", "status", "kind", "batches", "started (UTC)", "size"], rows)
    for sentence in unreadable:
        say(sentence)


@app.command()
def info(run: RunPath) -> None:
    """Show a run's status, origin, settings and figures of merit."""
    from oscilab.traces.compare import short_text
    from oscilab.traces.run import open_run
    from oscilab.traces.summary import facts, flat

    with open_run(run) as opened:
        print_table(["run", str(run)], facts(opened).items())
        print()
        settings = flat(opened.configuration)
        rows = [[name, short_text(value)] for name, value in settings.items()]
        print_table(["setting", "value"], rows)
        if opened.figures:
            print()
            print_table(*figure_table(opened.figures))
        for damage in opened.damage:
            say(f"{damage.reason} ({damage.path})")


@app.command()
def plot(
    run: RunPath,
    what: Annotated[
        list[str] | None,
        typer.Option(
            "--what", help="loss, protocol, heatmap, forces, trajectory, spectra or energetics."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder for the pictures; beside the run by default.")
    ] = None,
    format: Annotated[PictureFormat, typer.Option(help="PNG or PDF.")] = PictureFormat.PNG,
) -> None:
    """Draw all pictures of a run, or those that are named."""
    from oscilab.traces.durable import make_folder
    from oscilab.traces.plots import PLOTS
    from oscilab.traces.run import open_run

    unknown = [name for name in what or () if name not in PLOTS]
    if unknown:
        raise InvalidInput(f"there is no picture {unknown[0]!r}; there are {', '.join(PLOTS)}")
    with open_run(run) as opened:
        folder = out or run.parent
        make_folder(folder)
        for name in what or PLOTS:
            path = folder / f"{run.stem}-{name}.{format.value}"
            try:
                print(PLOTS[name](opened, path))
            except InvalidInput as error:
                if what:
                    raise
                say(str(error))


@app.command()
def export(
    run: RunPath,
    to: Annotated[Format, typer.Option(help="The format.")] = Format.NETCDF,
    out: Annotated[Path | None, typer.Option(help="The file, or folder, to write.")] = None,
) -> None:
    """Write a run as netCDF, Zarr or CSV."""
    from oscilab.traces.export import SUFFIXES
    from oscilab.traces.export import export as export_run
    from oscilab.traces.run import open_run

    with open_run(run) as opened:
        print(export_run(opened, to.value, out or run.with_suffix(SUFFIXES[to.value])))


@app.command()
def repair(
    run: RunPath,
    out: Annotated[
        Path | None, typer.Option(help="Write to this file, and keep the run unchanged.")
    ] = None,
) -> None:
    """Repair a run that was torn, truncated or left in pieces, by writing one healthy file.

    If no committed data are lost, the file takes the name of the run; otherwise it is a new file.
    """
    from oscilab.traces.repair import repair as repair_run

    done = repair_run(run, out)
    healthy = "needed no repair and " if done.healthy else ""
    print(f"{done.path} {healthy}holds {', '.join(done.kept) or 'no measurement'}")
    for sentence in done.lost:
        say(f"lost: {sentence}")
    for sentence in done.left:
        say(sentence)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Two runs or more.")],
    plot: Annotated[
        Path | None, typer.Option(help="Draw the losses into this picture as well.")
    ] = None,
) -> None:
    """Show runs side by side: settings that differ, losses, figures of merit."""
    from oscilab.traces.compare import compare as compare_runs
    from oscilab.traces.plots import draw_comparison
    from oscilab.traces.run import open_run

    with ExitStack() as stack:
        opened = [stack.enter_context(open_run(path)) for path in runs]
        found = compare_runs(opened)
        names = [path.stem for path in runs]
        for heading, table in (
            ("setting", found.settings),
            ("loss", {name: _numbers(row) for name, row in found.losses.items()}),
            ("figure of merit", {name: _numbers(row) for name, row in found.figures.items()}),
        ):
            if table:
                print_table([heading, *names], [[name, *row] for name, row in table.items()])
                print()
        if plot is not None:
            print(draw_comparison(opened, plot))


def _numbers(row: list[float | None]) -> list[str]:
    return ["" if value is None else f"{value:.4g}" for value in row]
