"""Train a protocol on a device, then sample from it."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from oscilab.errors import InvalidInput, OscilabError
from oscilab.experiment.resolve import Experiment, recipe_named, resolve
from oscilab.learning.measurement import PointSource, Sampling
from oscilab.learning.optimisers import optimiser_named
from oscilab.learning.rules import rule_for
from oscilab.learning.training import Measured, Rate, Training
from oscilab.observer import Observer, Watched, end_told
from oscilab.physics import Protocol
from oscilab.progress import Progress
from oscilab.runs.opening import (
    Choice,
    Fixed,
    Opened,
    made_safe_first,
    opened,
    seeds,
    training_rows,
)
from oscilab.runs.recording import Arrays, BatchLog, Recording, pack, unpack
from oscilab.runs.sampling import RECORDED_INSTANTS, RunResult, finish
from oscilab.traces.paths import default_path
from oscilab.traces.plan import BatchFlag, RunPlan
from oscilab.traces.run import Run, open_run
from oscilab.traces.writer import RunWriter

DEFAULT_DEVICE = "sim"


@contextmanager
def notes_how_to_resume(path: Path, choice: Choice) -> Generator[None]:
    """Add a note to any stop or error: the run file, and the command that continues it."""
    try:
        yield
    except (KeyboardInterrupt, OscilabError) as error:
        error.add_note(
            f"run file {path} keeps what was measured, and "
            f"`{resume_command(path, choice)}` continues it"
        )
        raise


def resume_command(path: Path, choice: Choice) -> str:
    """Return the command that continues a run, quoted for this system's shell."""
    words = ["oscilab", "train", "--resume", str(path)]
    if choice.name != DEFAULT_DEVICE:
        words += ["--device", choice.name]
    if choice.bench is not None:
        words += ["--bench", choice.bench]
    if choice.simulate:
        # Without it, the command would drive the real hardware.
        words += ["--simulate"]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


READINGS_BUDGET = 100e6
"""Bytes of readings that a run on a simulated array records by default."""


def training_of(setup: Opened, rng: np.random.Generator) -> Training:
    """Return the training described by the settings, at its start; `rng` draws the points.

    Raises:
        InvalidInput, CannotDo: rule or optimiser is unknown, or the array cannot run the rule.
    """
    settings, description = setup.experiment.settings, setup.array.description
    potential = description.potential
    return Training(
        array=setup.array,
        rule=rule_for(settings.rule, description),
        schedule=setup.schedule,
        points=PointSource(
            setup.encoder.encode(setup.dataset.train),
            setup.noising,
            description.clamp_lower,
            description.clamp_upper,
        ),
        sampling=Sampling(
            settings.batch, rng, settings.weighting, settings.features_at, settings.delta
        ),
        optimiser=optimiser_named(
            settings.optimiser,
            len(setup.schedule.nodes),
            potential.parameters,
            settings.batch if settings.online else 1,
        ),
        rate=Rate(settings.rate, settings.rate * settings.final_rate, settings.steps),
        averaged=settings.averaged,
        online=settings.online,
    )


def plan_of(
    setup: Opened, training: Training, log_batches: int | Literal["all"] | None, note: str
) -> RunPlan:
    """Return the plan of the run file; `log_batches` as in `train`."""
    settings = setup.experiment.settings
    log_every = _log_every(setup, log_batches)
    recording = Recording.of(setup.array, training.rule.reads)
    return RunPlan(
        kind="train",
        configuration={**setup.configuration(), "log_every": log_every},
        description=setup.array.description,
        schedule=setup.schedule,
        noising=setup.noising,
        provenance=setup.provenance(note),
        shots=settings.batch,
        log_every=log_every,
        reading=training.rule.reads,
        targets=True,
        checkpoint=state_of(training, 0.0),
        samples=settings.samples,
        record_times=RECORDED_INSTANTS,
        codings=recording.codings if log_every else {},
        channels=recording.channels,
        calibration=recording.calibration,
        title=f"oscilab train {setup.name}",
    )


def _log_every(setup: Opened, log_batches: int | Literal["all"] | None) -> int:
    if log_batches is not None:
        return 1 if log_batches == "all" else log_batches
    if not setup.array.description.identity.simulated:
        return 1
    settings, nodes = setup.experiment.settings, len(setup.schedule.nodes)
    size = 3 * settings.batch * setup.array.description.potential.oscillators * 4
    every = max(1, math.ceil(settings.steps * nodes * size / READINGS_BUDGET))
    # With no factor in common with the number of nodes, all nodes are logged in turn.
    while math.gcd(every, nodes) > 1 and every > 1:
        every += 1
    return every


def state_of(training: Training, elapsed: float) -> Arrays:
    """Return the state for a checkpoint, without the parameters; `elapsed` in s."""
    return {**pack(training), "elapsed": np.array([elapsed])}


def train(
    experiment: str | Path = "digits",
    device: str = "sim",
    *,
    bench: str | None = None,
    overrides: Mapping[str, object] | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    log_batches: int | Literal["all"] | None = None,
    note: str = "",
    simulate: bool = False,
    progress: Progress | None = None,
    observer: Observer | None = None,
) -> RunResult:
    """Train `experiment` on `device`, sample from it, and write one run file.

    `experiment` is an installed name, a TOML file, or a .npy or .npz file of the user's data.
    `overrides` are further settings by (dotted) key. `resume` continues a stopped run with its own
    settings. With `simulate`, the device's twin replaces the hardware. `observer` watches the run
    and may pause it, as `oscilab.live.Live` does.

    Raises:
        InvalidInput: a name or key is unknown, a value or the data cannot be used, or the target
            exists. Nothing is written.
        CannotDo: the device lacks what the rule or the readout needs.
        DeviceFailed: the device failed. The run file keeps what was measured and can be resumed.
    """
    watched = Watched(progress, observer)
    choice = Choice(device, bench, simulate)
    if log_batches is not None and log_batches != "all" and log_batches < 1:
        raise InvalidInput(f"log_batches is {log_batches}; use 'all', 1, or a larger number")
    if resume is not None:
        if log_batches is not None or note:
            raise InvalidInput(
                f"run {resume} resumes with its own log cadence and note; omit log_batches and note"
            )
        changed = [*(overrides or {}), *(["out"] if out is not None else [])]
        with end_told(watched):
            return _resume(Path(resume), choice, changed, watched)
    chosen = resolve(experiment, overrides)
    rng, array_seed = seeds(chosen.settings.seed)
    with end_told(watched), opened(chosen, choice, array_seed) as setup:
        training = training_of(setup, rng)
        path = Path(out) if out else default_path(chosen.settings.experiment)
        plan = plan_of(setup, training, log_batches, note)
        with (
            RunWriter.create(path, plan) as writer,
            made_safe_first(setup.array),
            notes_how_to_resume(path, choice),
        ):
            watched.summary("training", training_rows(setup, path, plan.log_every))
            return _run(setup, training, BatchLog(writer, plan.log_every), watched)


def _resume(path: Path, choice: Choice, changed: Sequence[str], watched: Observer) -> RunResult:
    with open_run(path) as run:
        _check_resumable(run, choice.name, changed)
        fixed = Fixed.of(run)
        log_every = int(run.configuration["log_every"])
        # A run that stopped before its first checkpoint starts again in the same file.
        state = run.checkpoint() if run.has_checkpoint else None
    settings = fixed.settings
    chosen = Experiment(recipe_named(settings.experiment), settings, frozenset())
    rng, array_seed = seeds(settings.seed)
    with opened(chosen, choice, array_seed, fixed) as setup:
        training = training_of(setup, rng)
        elapsed = 0.0
        if state is not None:
            unpack(training, *state)
            elapsed = float(np.asarray(state[2]["elapsed"])[0])
        with (
            RunWriter.resume(path) as writer,
            made_safe_first(setup.array),
            notes_how_to_resume(path, choice),
        ):
            watched.summary("resuming", training_rows(setup, path, log_every))
            watched.note(f"continuing after step {training.step} of {settings.steps}")
            log = BatchLog(writer, log_every, elapsed, BatchFlag.RESTARTED)
            return _run(setup, training, log, watched)


def _check_resumable(run: Run, device: str, changed: Sequence[str]) -> None:
    if run.kind != "train":
        raise InvalidInput(f"run {run.path} holds samples; only a training can be resumed")
    if run.status == "finished":
        raise InvalidInput(
            f"run {run.path} is finished; play it with `oscilab sample`, or train a new one"
        )
    if changed:
        raise InvalidInput(
            f"run {run.path} resumes with its own settings; omit {', '.join(changed)}"
        )
    if run.configuration["device"] != device:
        raise InvalidInput(
            f"run {run.path} was measured on device {run.configuration['device']}, not on "
            f"{device}; resume it with --device {run.configuration['device']}"
        )


def _run(setup: Opened, training: Training, log: BatchLog, observer: Observer) -> RunResult:
    settings, writer = setup.experiment.settings, log.writer
    observer.begin(setup.observed(writer.path, f"train {setup.name}", settings.steps))

    def show(batch: Measured) -> None:
        observer.measured(training.step, batch, training.parameters[batch.node])

    with observer.task("training", settings.steps, done=training.step) as task:
        while training.step < settings.steps:
            measured = training.measure_all(show)
            log.write(training.step - 1, measured)
            done = training.step == settings.steps
            if done or training.step % settings.checkpoint_every == 0:
                state = state_of(training, log.seconds())
                writer.checkpoint(training.step, training.parameters, state)
            else:
                writer.commit()
            task.advance(loss=float(np.mean([each.loss for each in measured])))
    protocol = Protocol(
        setup.array.description.potential, setup.schedule, training.learned(), setup.noising
    )
    # Write now, so that the protocol is kept even if playing or judging fails.
    writer.write_protocol(protocol)
    return finish(setup, writer, protocol, observer)
