"""What a training starts from: the rule at work on the array, and the plan of its file."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from oscilab.learning.estimate import Sampling
from oscilab.learning.optimisers import optimiser_named
from oscilab.learning.points import PointSource
from oscilab.learning.rules import rule_for
from oscilab.learning.training import Rate, Training
from oscilab.runs.checkpoints import Arrays, pack
from oscilab.runs.opening import Opened
from oscilab.runs.recording import Recording
from oscilab.runs.sampling import RECORDED_INSTANTS
from oscilab.traces.plan import RunPlan

READINGS_BUDGET = 100e6
"""Bytes of readings that a run on a simulated array keeps by default."""


def training_of(setup: Opened, rng: np.random.Generator) -> Training:
    """The training that the settings ask for, at its start; `rng` draws the points.

    Raises:
        InvalidInput, CannotDo: the rule or the optimiser is unknown, or the array cannot run it.
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
    """What the run file will hold; `log_batches` as `train` has it."""
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
    # A cadence that shares no factor with the nodes comes round to each of them.
    while math.gcd(every, nodes) > 1 and every > 1:
        every += 1
    return every


def state_of(training: Training, elapsed: float) -> Arrays:
    """What a checkpoint keeps beside the parameters; `elapsed` in s."""
    return {**pack(training), "elapsed": np.array([elapsed])}
