"""`oscilab experiment`: a study from its points to its figure and table."""

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
        bool, typer.Option("--quick", help="A small one: a minute or two, for a first look.")
    ] = False,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the study's data lie.")
    ] = None,
    steps: Annotated[
        int | None, whole("N", 1, "Training steps of a point, instead of the study's own.")
    ] = None,
    seeds: Annotated[
        int | None, whole("N", 1, "Seeds of a point, instead of the study's own number.")
    ] = None,
    workers: Annotated[
        int | None, whole("N", 1, "Processes of this machine to spread the points over, by Dask.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="The scheduler of a Dask cluster to use."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Measure nothing; report on the points there are.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to write to.", show_default="results/NAME"),
    ] = None,
) -> None:
    """Run a study: its points, one figure and one table; started again, it goes on."""
    from oscilab.cli.output import console, print_rows, stops_told
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
            f"--scheduler {scheduler} has workers of its own; leave --workers {workers} away"
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
    with stops_told("finished points are kept; the same command goes on"), terminations_raise():
        if report:
            stored = [Store(folder).load(point) for point in points]
            measured = [each for each in stored if each is not None]
        else:
            measured = sweep(points, Store(folder), progress, workers, scheduler)
    if not measured:
        raise InvalidInput(f"{folder} has no finished point of {name}; leave --report away")
    # Where data lie on this machine is nobody else's business.
    flags = [*(["--quick"] if quick else []), *(["--data", "DIR"] if data else [])]
    flags += ["--steps", str(steps)] if steps else []
    flags += ["--seeds", str(seeds)] if seeds else []
    command = shlex.join(["oscilab", "experiment", name, *flags])
    paths = write_report(study, measured, len(points), folder, command)
    print((folder / f"{study.name}.md").read_text(encoding="utf-8"))
    rows = {path.suffix[1:]: str(path) for path in paths}
    print_rows("written", {**rows, "runs": str(folder / "runs")}, console(sys.stdout))
