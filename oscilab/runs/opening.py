"""What training and sampling both need: an experiment's data beside an open array."""

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
from oscilab.experiment.resolve import Experiment
from oscilab.experiment.setting_up import (
    array_shape,
    build_noising,
    build_potential,
    build_schedule,
    fit_encoder,
)
from oscilab.experiment.settings import Settings
from oscilab.interruption import terminations_raise
from oscilab.observer import Observed
from oscilab.physics import Noising, Potential, Schedule
from oscilab.traces.plan import Provenance
from oscilab.traces.run import Run
from oscilab.wired.twins import twin_if


@dataclass(frozen=True, eq=False)
class Fixed:
    """What an earlier run has fixed, so that neither the device nor the data choose it again."""

    settings: Settings
    potential: Potential
    encoder: Encoder

    @classmethod
    def of(cls, run: Run) -> Fixed:
        """What `run` says of itself."""
        settings = validated(Settings, run.configuration["settings"], f"run {run.path}")
        return cls(settings, run.potential, encoder_from_table(run.configuration["encoder"]))


@dataclass(frozen=True, eq=False)
class Opened:
    """An experiment on an open device."""

    experiment: Experiment
    dataset: Dataset
    encoder: Encoder
    device: Device
    array: OscillatorArray
    noising: Noising
    schedule: Schedule

    @property
    def name(self) -> str:
        """What the experiment is called, in files and titles."""
        return self.experiment.settings.experiment

    def configuration(self) -> dict[str, object]:
        """Everything that was resolved, to be written as JSON."""
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
        """The run at `path`, for who looks on."""
        return Observed(path, title, self.array, self.schedule.nodes, steps, self.dataset.shape)

    def provenance(self, note: str = "", parent: str = "") -> Provenance:
        """Where this run's data come from."""
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
    device_name: str,
    bench: str | None,
    seed: int,
    fixed: Fixed | None = None,
    simulate: bool = False,
) -> Generator[Opened]:
    """The experiment on the device, which is made safe however the block ends.

    `fixed` is what an earlier run brings along; without it, potential and encoder are chosen. With
    `simulate` the device's twin stands in for its hardware.

    Raises:
        InvalidInput: data or device that cannot be used.
    """
    # Imported here: it loads with the first matrix product, not with `oscilab --help`.
    from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

    settings = experiment.settings
    device = device_named(device_name, bench)
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
        device = stack.enter_context(twin_if(simulate, device))
        array = open_array(device, potential, seed)
        # The last bits of a matrix product depend on the number of BLAS threads; a run's must not.
        # Its products are small, and one thread is the faster as well.
        with threadpool_limits(1, "blas"):
            try:
                yield Opened(
                    experiment=experiment,
                    dataset=dataset,
                    encoder=encoder,
                    device=device,
                    array=array,
                    noising=build_noising(experiment, array.description.temperature),
                    schedule=build_schedule(experiment),
                )
            finally:
                try:
                    array.make_safe()
                finally:
                    # Also where an instrument is past being made safe: its lock must not stay.
                    if isinstance(array, Hardware):
                        array.close()


@contextmanager
def made_safe_first(array: OscillatorArray) -> Generator[None]:
    """Make `array` safe at the end of the block: before a run file that is open around it is
    written, which may take longer than outputs should stay up.
    """
    try:
        yield
    finally:
        array.make_safe()


def seeds(seed: int) -> tuple[np.random.Generator, int]:
    """Independent random numbers for the points and for the array, from one seed."""
    points, array = np.random.SeedSequence(seed).spawn(2)
    return np.random.default_rng(points), int(array.generate_state(1, np.uint64)[0] >> 1)


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value
