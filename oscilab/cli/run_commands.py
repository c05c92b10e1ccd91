"""`oscilab train` and `oscilab sample`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from oscilab.cli.bench_commands import BenchOption, SimulateOption
from oscilab.cli.figures import figure_table
from oscilab.cli.living import LiveOption, PublishOption, observer
from oscilab.cli.numbers import real, whole
from oscilab.cli.output import console, print_rows, print_table, stops_told
from oscilab.cli.overrides import overrides
from oscilab.errors import InvalidInput

if TYPE_CHECKING:
    from oscilab import RunResult

Device = Annotated[
    str, typer.Option("--device", "-d", help="The device, as `oscilab devices` lists them.")
]
Readout = Annotated[
    Literal["raw", "denoised"] | None, typer.Option(help="How samples are read from the array.")
]
Label = Annotated[int | None, whole("K", 0, "Only this class of the data.")]
Out = Annotated[
    Path | None, typer.Option(help="The run file to write; a new one under runs/ by default.")
]
Seed = Annotated[int | None, whole("N", 0, "The seed of all random numbers.")]


def train(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="A name from `oscilab experiments`, or a TOML file.",
            show_default="digits",
        ),
    ] = None,
    device: Device = "sim",
    bench: BenchOption = None,
    simulate: SimulateOption = False,
    rule: Annotated[str | None, typer.Option(help="The learning rule.")] = None,
    slices: Annotated[int | None, whole("N", 1, "Slices of the protocol.")] = None,
    steps: Annotated[int | None, whole("N", 1, "Training steps.")] = None,
    batch: Annotated[int | None, whole("N", 1, "Measurements in one step.")] = None,
    topology: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="nearest, lattice (with --radius), all-to-all, or a file of `i,j` lines.",
        ),
    ] = None,
    radius: Annotated[float | None, real("R", 0, "Reach of the couplings of a lattice.")] = None,
    seed: Seed = None,
    label: Label = None,
    readout: Readout = None,
    samples: Annotated[int | None, whole("N", 1, "Samples drawn at the end.")] = None,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the experiment's data lie.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the data if they are not there.")
    ] = False,
    out: Out = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Continue this run where it stopped.")
    ] = None,
    log_batches: Annotated[
        str | None,
        typer.Option(metavar="all|N", help="Record every measured batch, or every Nth."),
    ] = None,
    note: Annotated[str, typer.Option(help="A note to store in the run.")] = "",
    live: LiveOption = False,
    publish: PublishOption = True,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting of `oscilab experiments --settings`; repeatable.",
        ),
    ] = None,
) -> None:
    """Train an experiment on a device, then sample from it."""
    import oscilab
    from oscilab.cli.watch import watcher

    flags: dict[str, object] = {
        "rule": rule, "slices": slices, "steps": steps, "batch": batch, "topology": topology,
        "radius": radius, "seed": seed, "label": label, "readout": readout, "samples": samples,
        "data": data, "download": download or None,
    }  # fmt: skip
    # The library has the default experiment; a resumed run brings its own.
    named: dict[str, Any] = {} if experiment is None else {"experiment": experiment}
    changed = overrides(flags, settings or [])
    batches = _batches(log_batches)
    if resume is not None:
        _check_resumed(experiment, log_batches, note)
    with stops_told("nothing was measured"):
        result = oscilab.train(
            **named, device=device, bench=bench, overrides=changed, out=out, resume=resume,
            log_batches=batches, note=note, simulate=simulate, progress=watcher(),
            observer=observer(publish, live),
        )  # fmt: skip
    _print_result(result)


def sample(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run file of a training.")],
    device: Device = "sim",
    bench: BenchOption = None,
    simulate: SimulateOption = False,
    n: Annotated[int, whole("N", 1, "How many samples.", "-n")] = 64,
    readout: Readout = None,
    label: Label = None,
    out: Out = None,
    seed: Seed = None,
    live: LiveOption = False,
    publish: PublishOption = True,
) -> None:
    """Play a trained protocol again."""
    import oscilab
    from oscilab.cli.watch import watcher

    with stops_told("sample again for what is missing"):
        result = oscilab.sample(
            run, device, bench=bench, n=n, readout=readout, label=label, out=out, seed=seed,
            simulate=simulate, progress=watcher(), observer=observer(publish, live),
        )  # fmt: skip
    _print_result(result)


def _batches(text: str | None) -> int | Literal["all"] | None:
    if text is None or text == "all":
        return text
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidInput(f"--log-batches {text!r} is neither 'all' nor a number above zero")
    return int(text)


def _print_result(result: RunResult) -> None:
    written = {"run": str(result.path), "picture": str(result.picture)}
    print_rows("written", written, console(sys.stdout))
    if result.figures:
        print()
        print_table(*figure_table(result.figures))


def _check_resumed(experiment: str | None, log_batches: str | None, note: str) -> None:
    given = {"EXPERIMENT": experiment, "--log-batches": log_batches, "--note": note}
    for name, value in given.items():
        if value:
            raise InvalidInput(f"a resumed run goes on as it began; leave {name} {value!r} away")
