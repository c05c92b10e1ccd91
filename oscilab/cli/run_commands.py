"""`oscilab train` and `oscilab sample`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from oscilab.cli.options import BenchOption, SimulateOption, overrides, real, whole
from oscilab.cli.output import console, figure_table, print_rows, print_table, stops_reported
from oscilab.errors import InvalidInput

if TYPE_CHECKING:
    from oscilab.observer import Observer
    from oscilab.runs import RunResult

WINDOW_PACKAGES = ("pyqtgraph", "PySide6")
SETTING_FLAGS = (
    "rule", "slices", "steps", "batch", "topology", "radius", "seed", "label", "readout", "samples",
    "data",
)  # fmt: skip
"""Options that are shorthand for `--set NAME=VALUE`."""


def check_window_packages() -> None:
    """Check that the packages for the window are installed.

    Raises:
        InvalidInput: one is missing.
    """
    missing = [name for name in WINDOW_PACKAGES if find_spec(name) is None]
    if missing:
        raise InvalidInput(
            f"the live view needs {' and '.join(missing)}, which is not installed; install "
            "oscilab[view], or use `oscilab monitor`"
        )


def open_window(run: Path) -> None:
    """Start `oscilab view` in a separate process, which may outlive this one."""
    apart: dict[str, Any] = (
        {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        if sys.platform == "win32"
        # So that the terminal's Ctrl-C does not reach it.
        else {"start_new_session": True}
    )
    subprocess.Popen(
        [sys.executable, "-m", "oscilab", "view", str(run)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        close_fds=True, **apart,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options that `train` and `sample` share: the device, the samples, the run file."""

    device: Annotated[
        str, typer.Option("--device", "-d", help="The device, as `oscilab devices` lists them.")
    ] = "sim"
    bench: BenchOption = None
    simulate: SimulateOption = False
    seed: Annotated[int | None, whole("N", 0, "The seed of all random numbers.")] = None
    label: Annotated[int | None, whole("K", 0, "Only this class of the data.")] = None
    readout: Annotated[
        Literal["raw", "denoised"] | None,
        typer.Option(help="How samples are read from the array."),
    ] = None
    out: Annotated[
        Path | None, typer.Option(help="The run file to write; a new one under runs/ by default.")
    ] = None
    live: Annotated[bool, typer.Option("--live", help="Open the live view in a window.")] = False
    publish: Annotated[
        bool,
        typer.Option(
            "--publish/--no-publish",
            help="Let `oscilab view` and `oscilab monitor` watch the run, on this computer only.",
        ),
    ] = True

    def observer(self) -> Observer | None:
        """Return the observer that publishes the run, or None if it is not published.

        Raises:
            InvalidInput: a window is requested but the run is not published, or the window's
                packages are missing.
        """
        if not self.publish and not self.live:
            return None
        if not self.publish:
            raise InvalidInput("--live shows what the run publishes; remove --no-publish")
        if self.live:
            check_window_packages()
        from oscilab.live import Live

        return Live(open_window if self.live else None)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(RunOptions):
    """The options of `oscilab train`."""

    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="A name from `oscilab experiments`, or a TOML file.",
            show_default="digits",
        ),
    ] = None
    rule: Annotated[str | None, typer.Option(help="The learning rule.")] = None
    slices: Annotated[int | None, whole("N", 1, "Slices of the protocol.")] = None
    steps: Annotated[int | None, whole("N", 1, "Training steps.")] = None
    batch: Annotated[int | None, whole("N", 1, "Measurements in one step.")] = None
    topology: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="nearest, lattice (with --radius), all-to-all, or a file of `i,j` lines.",
        ),
    ] = None
    radius: Annotated[float | None, real("R", 0, "Reach of the couplings of a lattice.")] = None
    samples: Annotated[int | None, whole("N", 1, "Samples drawn at the end.")] = None
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Path of the experiment's data.")
    ] = None
    download: Annotated[
        bool, typer.Option("--download", help="Download the data if they are missing.")
    ] = False
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Continue this run where it stopped.")
    ] = None
    log_batches: Annotated[
        str | None,
        typer.Option(metavar="all|N", help="Record every measured batch, or every Nth."),
    ] = None
    note: Annotated[str, typer.Option(help="A note to store in the run.")] = ""
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting of `oscilab experiments --settings`; repeatable.",
        ),
    ] = None

    def overrides(self) -> dict[str, object]:
        """Return the settings that the options override, by key.

        Raises:
            InvalidInput: a setting is malformed or given twice.
        """
        flags = {name: getattr(self, name) for name in SETTING_FLAGS}
        return overrides({**flags, "download": self.download or None}, self.settings or [])

    def check_resumed(self) -> None:
        """Check that no option is given that a resumed run cannot change.

        Raises:
            InvalidInput: there is one; the message names the first.
        """
        given = {
            "EXPERIMENT": self.experiment, "--log-batches": self.log_batches, "--note": self.note
        }  # fmt: skip
        for name, value in given.items():
            if value:
                raise InvalidInput(f"a resumed run continues as it began; remove {name} {value!r}")


def train(options: TrainOptions) -> None:
    """Train an experiment on a device, then sample from it."""
    from oscilab.cli.progress import watcher
    from oscilab.runs import train

    # The library has the default experiment; a resumed run has its own.
    named: dict[str, Any] = {} if options.experiment is None else {"experiment": options.experiment}
    changed = options.overrides()
    batches = _batches(options.log_batches)
    if options.resume is not None:
        options.check_resumed()
    with stops_reported("nothing was measured"):
        result = train(
            **named, device=options.device, bench=options.bench, overrides=changed,
            out=options.out, resume=options.resume, log_batches=batches, note=options.note,
            simulate=options.simulate, progress=watcher(), observer=options.observer(),
        )  # fmt: skip
    _print_result(result)


@dataclass(frozen=True, kw_only=True)
class SampleOptions(RunOptions):
    """The options of `oscilab sample`."""

    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run file of a training.")]
    n: Annotated[int, whole("N", 1, "How many samples.", "-n")] = 64


def sample(options: SampleOptions) -> None:
    """Play a trained protocol again."""
    from oscilab.cli.progress import watcher
    from oscilab.runs import sample

    with stops_reported("sample again for what is missing"):
        result = sample(
            options.run, options.device, bench=options.bench, n=options.n,
            readout=options.readout, label=options.label, out=options.out, seed=options.seed,
            simulate=options.simulate, progress=watcher(), observer=options.observer(),
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
