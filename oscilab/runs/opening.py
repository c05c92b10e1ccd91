"""Open an experiment on a device, and describe the run before it starts."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oscilab.arrays.seam import Hardware, OscillatorArray
from oscilab.bench.devices import Device, device_named, open_array
from oscilab.bench.tables import validated
from oscilab.data.dataset import Dataset
from oscilab.data.encoder import Encoder, encoder_from_table
from oscilab.experiment.build import (
    array_shape,
    build_noising,
    build_potential,
    build_schedule,
    fit_encoder,
)
from oscilab.experiment.recipe import Judge
from oscilab.experiment.resolve import Experiment
from oscilab.experiment.settings import Settings
from oscilab.interruption import terminations_raise
from oscilab.learning.measurement import Sampling
from oscilab.learning.rules import find_rule
from oscilab.observer import Observed
from oscilab.physics import Noising, Potential, Schedule
from oscilab.traces.plan import Provenance
from oscilab.traces.run import Run
from oscilab.wired.twins import twin_if


@dataclass(frozen=True)
class Choice:
    """The device that the user chose, and whether its twin replaces the hardware."""

    name: str
    bench: str | None = None
    simulate: bool = False


@dataclass(frozen=True, eq=False)
class Fixed:
    """What an earlier run fixed, so that device and data do not determine it again."""

    settings: Settings
    potential: Potential
    encoder: Encoder

    @classmethod
    def of(cls, run: Run) -> Fixed:
        """Read settings, potential and encoder from `run`."""
        settings = validated(Settings, run.configuration["settings"], f"run {run.path}")
        return cls(settings, run.potential, encoder_from_table(run.configuration["encoder"]))


@dataclass(frozen=True, eq=False)
class Opened:
    """An experiment on an open device."""

    experiment: Experiment
    dataset: Dataset
    encoder: Encoder
    judge: Judge
    device: Device
    array: OscillatorArray
    noising: Noising
    schedule: Schedule

    @property
    def name(self) -> str:
        """The name of the experiment in files and titles."""
        return self.experiment.settings.experiment

    def configuration(self) -> dict[str, object]:
        """Return the resolved configuration, to be written as JSON."""
        table = self.encoder.to_table()
        return {
            "settings": self.experiment.settings.model_dump(mode="json"),
            "device": self.device.name,
            "bench": self.device.origin,
            "encoder": {key: _plain(value) for key, value in table.items()},
            "data": {
                "name": self.dataset.name,
                "source": self.dataset.source,
                "shape": list(self.dataset.shape),
                "classes": list(self.dataset.classes),
                "training_samples": len(self.dataset.train),
                "held_out_samples": len(self.dataset.held_out),
            },
        }

    def observed(self, path: Path, title: str, steps: int) -> Observed:
        """Return the description of the run at `path` for observers."""
        return Observed(path, title, self.array, self.schedule.nodes, steps, self.dataset.shape)

    def provenance(self, note: str = "", parent: str = "") -> Provenance:
        """Return the provenance of this run's data."""
        bench, array = self.device.bench, self.array
        hardware = array if isinstance(array, Hardware) else None
        return Provenance.collect(
            self.array.description.identity,
            bench_hash=bench.sha256 if bench else "",
            calibration_hash=hardware.calibration_hash if hardware else "",
            faults=hardware.faults if hardware else "",
            note=note,
            parent=parent,
        )


@contextmanager
def opened(
    experiment: Experiment,
    choice: Choice,
    seed: int,
    fixed: Fixed | None = None,
) -> Generator[Opened]:
    """Yield the experiment on the device, which is made safe however the block ends.

    `fixed` is what an earlier run fixed. Without it, potential and encoder are made from the
    settings.

    Raises:
        InvalidInput: the data or the device cannot be used.
    """
    # Imported here, because `oscilab --help` does not need it.
    from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

    settings, judge = experiment.settings, experiment.judge()
    device = device_named(choice.name, choice.bench)
    dataset = experiment.recipe.load(settings)
    if settings.label is not None:
        dataset = dataset.only_label(settings.label)
    if fixed is None:
        encoder = fit_encoder(settings.encoder, dataset)
        potential = build_potential(experiment, device, array_shape(encoder, dataset))
    else:
        encoder, potential = fixed.encoder, fixed.potential
    with ExitStack() as stack:
        stack.enter_context(terminations_raise())
        device = stack.enter_context(twin_if(choice.simulate, device))
        array = open_array(device, potential, seed)
        # The last bits of a matrix product depend on the number of BLAS threads, but a run must be
        # reproducible. Its products are small, so one thread is faster as well.
        with threadpool_limits(1, "blas"):
            try:
                yield Opened(
                    experiment=experiment,
                    dataset=dataset,
                    encoder=encoder,
                    judge=judge,
                    device=device,
                    array=array,
                    noising=build_noising(experiment, array.description.temperature),
                    schedule=build_schedule(experiment),
                )
            finally:
                try:
                    array.make_safe()
                finally:
                    # Release the device's lock even if make_safe fails.
                    if isinstance(array, Hardware):
                        array.close()


@contextmanager
def made_safe_first(array: OscillatorArray) -> Generator[None]:
    """Make `array` safe at the end of the block.

    Enter this inside the run file's block: closing the file may take longer than the outputs should
    stay on.
    """
    try:
        yield
    finally:
        array.make_safe()


def seeds(seed: int) -> tuple[np.random.Generator, int]:
    """Return an independent generator for the points and seed for the array, from one seed."""
    points, array = np.random.SeedSequence(seed).spawn(2)
    return np.random.default_rng(points), int(array.generate_state(1, np.uint64)[0] >> 1)


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value


def training_rows(setup: Opened, path: Path, log_every: int) -> dict[str, str]:
    """Return the summary of a training: experiment, data, device, settings and run file."""
    settings, schedule = setup.experiment.settings, setup.schedule
    potential = setup.array.description.potential
    label = "" if settings.label is None else f", class {settings.label} alone"
    logged = {0: "no readings", 1: "every measured batch"}.get(
        log_every, f"one measured batch in {log_every}"
    )
    return {
        "experiment": f"{settings.experiment}: {setup.experiment.recipe.description}",
        "data": f"{setup.dataset.source}{label}; {len(setup.dataset.train)} samples to train on, "
        f"{len(setup.dataset.held_out)} held out",
        "device": _device(setup),
        "array": f"{potential.topology.name}, "
        f"{_count(potential.oscillators, 'oscillator')}, "
        f"{_count(len(potential.topology.edges), 'edge')}; {', '.join(potential.families)}",
        "protocol": f"{schedule.slices} slices from t = {schedule.t_max:g} to {schedule.t_min:g}, "
        f"{schedule.interpolation}, at speed {setup.noising.speed:g}, held {schedule.stretch:g} "
        "times as long as the noising; "
        f"{len(schedule.nodes)} x {potential.parameters} parameters",
        "learning": f"{settings.rule}{', online' if settings.online else ''}, {settings.steps} "
        f"steps of {settings.batch} points a node, {settings.optimiser} at rate {settings.rate:g}, "
        f"seed {settings.seed}",
        "readout": f"{settings.samples} samples, {settings.readout}",
        **_hardware(setup, settings.steps * settings.batch * len(schedule.nodes), _released(setup)),
        "run file": f"{path}, with {logged}",
    }


def sampling_rows(setup: Opened, parent: Path, path: Path) -> dict[str, str]:
    """Return the summary of a sampling: protocol, device, readout and run file."""
    settings = setup.experiment.settings
    return {
        "protocol": str(parent),
        "device": _device(setup),
        "readout": f"{settings.samples} samples, {settings.readout}, seed {settings.seed}",
        **_hardware(setup, 0),
        "run file": str(path),
    }


def _released(setup: Opened) -> float:
    """Return the array time for which learning opens the clamps."""
    settings = setup.experiment.settings
    rule = find_rule(settings.rule)
    sampling = Sampling(settings.batch, np.random.default_rng(), delta=settings.delta)
    once = sum(rule.released(setup.noising, time, sampling) for time in setup.schedule.nodes)
    return once * settings.steps * settings.batch


def _hardware(setup: Opened, points: int, released: float = 0.0) -> dict[str, str]:
    if not isinstance(setup.array, Hardware):
        return {}
    edges, speed = setup.schedule.edges, setup.noising.speed
    played = float(setup.schedule.durations(edges, speed).sum()) * setup.experiment.settings.samples
    return setup.array.plan(points, played + released)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _device(setup: Opened) -> str:
    identity = setup.array.description.identity
    origin = "simulated" if identity.simulated else f"{identity.kind} {identity.serial}".strip()
    return f"{identity.name} ({origin}; {setup.device.origin})"
