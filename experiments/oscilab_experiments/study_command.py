"""`oscilab experiment`: run a study and write its figure and table."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from oscilab.cli.options import whole


def experiment(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="two-gaussians, mnist01, delta or energetics."),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Run a small version, in a minute or two.")
    ] = False,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="The folder of the study's data.")
    ] = None,
    steps: Annotated[
        int | None, whole("N", 1, "Training steps of a point, instead of the study's own.")
    ] = None,
    seeds: Annotated[
        int | None, whole("N", 1, "Seeds of a point, instead of the study's own number.")
    ] = None,
    workers: Annotated[
        int | None, whole("N", 1, "Number of local processes for the points, by Dask.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="The scheduler of a Dask cluster to use."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Measure nothing; report on the finished points.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to write to.", show_default="results/NAME"),
    ] = None,
) -> None:
    """Run a study: its points, one figure and one table. Run it again to continue it."""
    from oscilab.cli.output import console, print_rows, stops_reported
    from oscilab.cli.progress import watcher
    from oscilab.errors import InvalidInput
    from oscilab.interruption import terminations_raise
    from oscilab.traces.durable import make_folder
    from oscilab_experiments.studies import study_named
    from oscilab_experiments.studies.report import write_report
    from oscilab_experiments.studies.study import Options
    from oscilab_experiments.studies.sweep import Store, sweep

    if workers is not None and scheduler is not None:
        raise InvalidInput(
            f"--scheduler {scheduler} has its own workers; remove --workers {workers}"
        )
    study = study_named(name)
    points = study.plan(Options(quick, data, steps, seeds))
    folder = out or Path("results") / (f"{name}-quick" if quick else name)
    make_folder(folder)
    progress = watcher()
    where = f"{workers} workers" if workers else scheduler or "one after the other"
    progress.summary(
        "experiment", {"study": name, "points": f"{len(points)}, {where}", "folder": str(folder)}
    )
    with (
        stops_reported("finished points are kept; the same command continues"),
        terminations_raise(),
    ):
        if report:
            stored = [Store(folder).load(point) for point in points]
            measured = [each for each in stored if each is not None]
        else:
            measured = sweep(points, Store(folder), progress, workers, scheduler)
    if not measured:
        raise InvalidInput(f"{folder} has no finished point of {name}; remove --report")
    # Do not record where the data are on this machine.
    flags = [*(["--quick"] if quick else []), *(["--data", "DIR"] if data else [])]
    flags += ["--steps", str(steps)] if steps else []
    flags += ["--seeds", str(seeds)] if seeds else []
    command = shlex.join(["oscilab", "experiment", name, *flags])
    paths = write_report(study, measured, len(points), folder, command)
    print((folder / f"{study.name}.md").read_text(encoding="utf-8"))
    rows = {path.suffix[1:]: str(path) for path in paths}
    print_rows("written", {**rows, "runs": str(folder / "runs")}, console(sys.stdout))
