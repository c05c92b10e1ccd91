"""A small run whose numbers follow from their rows, so that any part of a file can be checked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.arrays import (
    ArrayDescription,
    Capability,
    ForceReading,
    Identity,
    PositionReading,
    Trajectory,
)
from oscilab.physics import Noising, ParameterBox, Potential, Protocol, geometric, lattice
from oscilab.traces.plan import Provenance, RunPlan
from oscilab.traces.run import Run
from oscilab.traces.segments import Rotation
from oscilab.traces.writer import RunWriter

SCHEDULE = geometric(4, 0.01, 3.0)
NODES = len(SCHEDULE.nodes)
SHOTS = 8
COPIES = 6
TIMES = 11
CHECKPOINT_EVERY = 10
TORN_STEPS = 11
POTENTIAL = Potential(lattice(3, 3, 1.5), ["bias", "stiffness", "quartic", "coupling"])
PARAMETERS = (NODES, POTENTIAL.parameters)
FEW_ROWS = Rotation(most_bytes=0)
"""A new segment after every commit."""


def description(potential: Potential = POTENTIAL) -> ArrayDescription:
    reach = np.full(potential.oscillators, 5.0)
    return ArrayDescription(
        potential=potential,
        box=ParameterBox.of_ranges(potential),
        clamp_lower=-reach,
        clamp_upper=reach,
        capabilities=frozenset(Capability),
        identity=Identity("bench0", "virtual", "7", True, {"room": "2.13"}),
        time_scale=1e-3,
    )


def plan(**changes: Any) -> RunPlan:
    described = changes.get("description", description())
    given: dict[str, Any] = {
        "kind": "train",
        "configuration": {"experiment": "small", "steps": 3, "nested": {"rates": [0.1, 0.2]}},
        "description": described,
        "schedule": SCHEDULE,
        "noising": Noising(speed=2.0),
        "provenance": Provenance.collect(described.identity, bench_hash="b1", note="a test"),
        "shots": SHOTS,
        "checkpoint": state(0),
        "samples": COPIES,
        "record_times": TIMES,
    }
    return RunPlan(**{**given, **changes})


def parameters(step: int) -> np.ndarray:
    return np.full(PARAMETERS, float(step)) + np.arange(PARAMETERS[1])


def state(step: int) -> dict[str, np.ndarray]:
    return {
        "velocity": np.full(PARAMETERS, 0.5 * step),
        "generator": np.full(16, step % 256, np.uint8),
        "count": np.array(step),
    }


def rows(step: int) -> dict[str, Any]:
    return {
        "step": np.full(NODES, step),
        "node": np.arange(NODES),
        "loss": np.random.default_rng([1, step]).random(NODES),
        "gradient_norm": np.random.default_rng([2, step]).random(NODES),
        "redrawn": 0.25,
        "projected": 0.0,
        "elapsed": step + np.arange(NODES) / NODES,
        "status": step % 8,
    }


@cache
def force_reading(row: int, shots: int = SHOTS) -> ForceReading:
    values = np.random.default_rng([3, row]).normal(size=(3, shots, POTENTIAL.oscillators))
    return ForceReading(*values.astype(np.float32))


def position_reading(row: int) -> PositionReading:
    values = np.random.default_rng([4, row]).normal(size=(3, SHOTS, POTENTIAL.oscillators))
    return PositionReading(*values.astype(np.float32), duration=0.25)


def protocol(step: int) -> Protocol:
    return Protocol(POTENTIAL, SCHEDULE, parameters(step), Noising(speed=2.0))


def trajectory(copies: int = COPIES, seed: int = 5) -> Trajectory:
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(copies, TIMES, POTENTIAL.oscillators)).astype(np.float32)
    return Trajectory(np.linspace(0, 1.5, TIMES), positions, rng.normal(size=copies), None)


def write_steps(writer: RunWriter, start: int, stop: int, counter: Any = None) -> None:
    """Write steps; each is committed and then counted."""
    for step in range(start, stop):
        first = writer.rows
        writer.append(**rows(step))
        for row in range(first, writer.rows):
            writer.append_reading(row=row, reading=force_reading(row))
        writer.commit()
        if counter is not None:
            counter.value = writer.rows
        if step % CHECKPOINT_EVERY == 0:
            writer.checkpoint(step, parameters(step), state(step))


def write_end(writer: RunWriter, step: int) -> None:
    writer.write_protocol(protocol(step))
    writer.write_trajectory(trajectory())
    writer.write_result(
        samples={"raw": trajectory().final, "shown": np.zeros((COPIES, 3, 3))},
        figures={"sliced_wasserstein": 0.125},
        tables={"oracle": np.arange(NODES)},
    )


def write_run(
    path: Path, steps: int = 12, rotation: Rotation | None = None, **changes: Any
) -> Path:
    """Write a finished run."""
    with RunWriter.create(path, plan(**changes), rotation=rotation) as writer:
        write_steps(writer, 0, steps)
        write_end(writer, steps)
    return path


def write_torn_run(path: Path) -> Path:
    """Write an interrupted run of several segments."""
    writer = RunWriter.create(path, plan(), rotation=FEW_ROWS)
    write_steps(writer, 0, TORN_STEPS)
    writer.close("failed")
    return path


def check_rows(run: Run, least: int) -> None:
    """Check that all rows and readings up to `least` are complete and correct."""
    training, readings = run.tree["training"], run.tree["readings"]
    count = run.n_committed
    assert count >= least
    assert training.batch.values.tolist() == list(range(count))
    steps = range(count // NODES)
    expected = np.concatenate([[], *(rows(step)["loss"] for step in steps)])
    np.testing.assert_array_equal(training.loss.values, expected)
    np.testing.assert_array_equal(training.step.values, np.repeat(list(steps), NODES))
    assert readings.batch.values.tolist()[:count] == list(range(count))
    for name in ("set_points", "positions", "forces"):
        values = readings[name].values[:count]
        measured = [getattr(force_reading(row), name) for row in range(count)]
        assert len(values) == len(measured)
        np.testing.assert_array_equal(values, np.array(measured).reshape(values.shape))


def check_checkpoint(run: Run, newest: int) -> None:
    """Check that the checkpoint is complete, and no older than `newest` allows."""
    step, found, arrays = run.checkpoint()
    assert step >= newest
    np.testing.assert_array_equal(found, parameters(step))
    for name, values in state(step).items():
        np.testing.assert_array_equal(arrays[name], values)
