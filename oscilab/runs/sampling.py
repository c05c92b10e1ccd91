"""Play a protocol, read out, judge and draw the samples."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from oscilab.arrays.description import Capability
from oscilab.arrays.readings import Trajectory
from oscilab.bench.tables import validated
from oscilab.errors import InvalidInput, OutOfClamp
from oscilab.experiment.recipe import Generated
from oscilab.experiment.resolve import Experiment, recipe_named
from oscilab.experiment.settings import Settings
from oscilab.observer import Observer, Watched, end_told
from oscilab.physics import Protocol
from oscilab.progress import Progress
from oscilab.runs.opening import (
    Choice,
    Fixed,
    Opened,
    made_safe_first,
    opened,
    sampling_rows,
    seeds,
)
from oscilab.runs.recording import Recording
from oscilab.traces.paths import default_path
from oscilab.traces.plan import RunPlan
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter
from oscilab.types import Float64Array


@dataclass(frozen=True, eq=False)
class RunResult:
    """A finished run.

    `path` is the run file and `picture` its PNG. `samples` `[sample, feature]` are those of the
    chosen readout, in the data's units. `figures` are the figures of merit by name.
    """

    path: Path
    picture: Path
    protocol: Protocol = field(repr=False)
    samples: Float64Array = field(repr=False)
    figures: Mapping[str, float]


Values = Float64Array
RECORDED_INSTANTS = 17
"""Instants of a playback that a run records, to show how the samples form."""


@dataclass(frozen=True, eq=False)
class Readouts:
    """Final positions and, if requested, the denoised ones, each `[sample, oscillator]`.

    Copies that ended outside the clamps have no denoised readout: their rows are NaN.
    """

    raw: Values
    denoised: Values | None

    @property
    def shown(self) -> Values:
        """The complete rows of the requested readout."""
        chosen = self.raw if self.denoised is None else self.denoised
        return chosen[np.isfinite(chosen).all(axis=1)]


def generate(setup: Opened, protocol: Protocol, progress: Progress) -> tuple[Trajectory, Readouts]:
    """Play as many copies of the protocol as the settings say, and read out the samples.

    Raises:
        CannotDo: the array cannot play, or cannot read forces for a denoised readout.
        OutOfClamp: all copies ended outside the clamps.
    """
    settings = setup.experiment.settings
    setup.array.description.require(Capability.PLAY, purpose="sampling")
    with progress.task("playing", 2) as task:
        trajectory = setup.array.play(
            protocol,
            copies=settings.samples,
            record_every=protocol.duration / (RECORDED_INSTANTS - 1),
        )
        task.advance()
        final = np.asarray(trajectory.final, np.float64)
        readouts = Readouts(final, None)
        if settings.readout == "denoised":
            readouts = Readouts(final, _denoised(setup, protocol, final, progress))
        task.advance()
    return trajectory, readouts


def _denoised(setup: Opened, protocol: Protocol, final: Values, progress: Progress) -> Values:
    description = setup.array.description
    description.require(Capability.CLAMP, Capability.FORCE_READOUT, purpose="the denoised readout")
    inside = (final >= description.clamp_lower) & (final <= description.clamp_upper)
    rows = np.flatnonzero(inside.all(axis=1))
    if not rows.size:
        raise OutOfClamp(
            f"all {len(final)} copies ended beyond the clamps, so none can be read out denoised; "
            "use the raw readout, or train longer"
        )
    if rows.size < len(final):
        progress.note(
            f"{len(final) - rows.size} of {len(final)} copies ended beyond the clamps and have no "
            "denoised readout"
        )
    reading = setup.array.measure_forces(protocol.readout_parameters, final[rows])
    found = np.full_like(final, np.nan)
    found[rows] = protocol.noising.denoised(
        reading.set_points, reading.forces, protocol.schedule.t_min
    )
    return found


def finish(setup: Opened, writer: RunWriter, protocol: Protocol, observer: Observer) -> RunResult:
    """Generate, judge, draw and write the samples at the end of a run."""
    trajectory, readouts = generate(setup, protocol, observer)
    # Nothing is driven after this, and judging and writing may take long.
    setup.array.make_safe()
    # Write before judging, so that a judge's error loses nothing.
    writer.write_trajectory(trajectory)
    shown = setup.encoder.decode(readouts.shown)
    observer.sampled(shown)
    recipe, settings = setup.experiment.recipe, setup.experiment.settings
    generated = Generated(shown, readouts.shown, settings.readout)
    with observer.task("judging", 2) as task:
        figures = {
            **setup.judge(settings, setup.dataset, generated),
            **energetics(trajectory),
        }
        task.advance()
        picture = recipe.draw(settings, setup.dataset, generated, writer.path.with_suffix(".png"))
        task.advance()
    samples = {"raw": readouts.raw, "shown": shown}
    if readouts.denoised is not None:
        samples["denoised"] = readouts.denoised
    writer.write_result(samples=samples, figures=figures)
    return RunResult(writer.path, picture, protocol, shown, figures)


def energetics(trajectory: Trajectory) -> dict[str, float]:
    """Return mean work and heat of a playback in kT, with standard errors."""
    found: dict[str, float] = {}
    for name, values in (("work", trajectory.work), ("heat", trajectory.heat)):
        if values is not None:
            found[f"{name}_mean"] = float(values.mean())
            found[f"{name}_error"] = float(values.std() / np.sqrt(max(len(values) - 1, 1)))
    return found


def sample(
    run: str | Path,
    device: str = "sim",
    *,
    bench: str | None = None,
    n: int = 64,
    readout: Literal["raw", "denoised"] | None = None,
    label: int | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    simulate: bool = False,
    progress: Progress | None = None,
    observer: Observer | None = None,
) -> RunResult:
    """Play the protocol of `run` again, `n` times, on `device`, and write a new run file.

    The new run names `run` as its parent. `label` asserts the class that `run` was trained on. With
    `simulate`, the device's twin replaces the hardware. `observer` watches the run, as
    `oscilab.live.Live` does.

    Raises:
        InvalidInput: the run cannot be read or has no trained protocol, it was not trained on that
            class, the device does not fit, or the target exists.
        CannotDo: the device cannot play, or does not have the requested readout.
    """
    watched = Watched(progress, observer)
    with open_run(run) as parent:
        fixed = Fixed.of(parent)
        protocol = parent.protocol()
    settings = fixed.settings
    if label is not None and label != settings.label:
        trained = "all classes together" if settings.label is None else f"class {settings.label}"
        raise InvalidInput(
            f"run {run} was trained on {trained}, not on class {label}; train that class with "
            f"`oscilab train {settings.experiment} --label {label}`"
        )
    seed = secrets.randbits(32) if seed is None else seed
    wanted = {"seed": seed, "samples": n, "readout": readout or settings.readout}
    chosen = validated(Settings, {**settings.model_dump(), **wanted}, f"sampling of {run}")
    experiment = Experiment(recipe_named(settings.experiment), chosen, frozenset())
    with (
        end_told(watched),
        opened(experiment, Choice(device, bench, simulate), seeds(seed)[1], fixed) as setup,
    ):
        played = replace(protocol, potential=setup.array.description.potential)
        path = Path(out) if out else default_path(f"{settings.experiment}-samples")
        recording = Recording.of(setup.array, "force")
        plan = RunPlan(
            kind="sample",
            configuration=setup.configuration(),
            description=setup.array.description,
            schedule=protocol.schedule,
            noising=protocol.noising,
            provenance=setup.provenance(parent=str(run)),
            shots=1,
            log_every=0,
            samples=n,
            record_times=RECORDED_INSTANTS,
            channels=recording.channels,
            calibration=recording.calibration,
        )
        with RunWriter.create(path, plan) as writer, made_safe_first(setup.array):
            writer.write_protocol(played)
            watched.summary("sampling", sampling_rows(setup, Path(run), path))
            watched.begin(setup.observed(path, f"sample {settings.experiment}", 0))
            return finish(setup, writer, played, watched)
