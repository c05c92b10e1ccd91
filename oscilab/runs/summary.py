"""What a run says it is going to do, before it does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from oscilab.arrays.seam import Hardware
from oscilab.learning.estimate import Sampling
from oscilab.learning.rules import RULES
from oscilab.runs.opening import Opened


def training_rows(setup: Opened, path: Path, log_every: int) -> dict[str, str]:
    """What will be trained, on what, and where it goes."""
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
    """What will be played, and where it goes."""
    settings = setup.experiment.settings
    return {
        "protocol": str(parent),
        "device": _device(setup),
        "readout": f"{settings.samples} samples, {settings.readout}, seed {settings.seed}",
        **_hardware(setup, 0),
        "run file": str(path),
    }


def _released(setup: Opened) -> float:
    """Array time that learning lets the oscillators go for."""
    settings, rule = setup.experiment.settings, RULES[setup.experiment.settings.rule]
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
