"""Storage of a run's readings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest
import small_runs

from oscilab.errors import InvalidInput
from oscilab.traces.plan import ChannelScale, Coding
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

STEPS = 12
NODES = small_runs.NODES


def test_a_run_without_readings_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan(log_every=0)) as writer:
        writer.append(**small_runs.rows(0))
        with pytest.raises(InvalidInput, match="planned to keep no readings"):
            writer.append_reading(row=0, reading=small_runs.force_reading(0))
    with open_run(path) as run:
        assert run.n_committed == NODES
        assert "readings" not in run.tree


def test_readings_of_some_batches_align_with_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan(log_every=3)) as writer:
        for step in range(4):
            first = writer.rows
            writer.append(**small_runs.rows(step))
            for row in range(first, writer.rows):
                if row % 3 == 0:
                    writer.append_reading(row=row, reading=small_runs.force_reading(row))
            writer.commit()
    with open_run(path) as run:
        readings, training = run.tree["readings"], run.tree["training"]
        assert readings.batch.values.tolist() == list(range(0, 4 * NODES, 3))
        loss = training.loss.sel(batch=readings.batch)
        assert loss.shape == readings.batch.shape
        np.testing.assert_array_equal(
            readings.forces.sel(batch=9).values, small_runs.force_reading(9).forces
        )


def test_position_readings_are_kept_with_their_durations(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan(reading="position")) as writer:
        writer.append(**small_runs.rows(0))
        for row in range(NODES):
            writer.append_reading(row=row, reading=small_runs.position_reading(row))
        writer.append(**small_runs.rows(1))
        with pytest.raises(InvalidInput, match="a ForceReading has no duration"):
            writer.append_reading(row=NODES, reading=small_runs.force_reading(0))
    with open_run(path) as run:
        readings = run.tree["readings"]
        assert readings.duration.values.tolist() == [0.25] * NODES
        for name in ("set_points", "start", "end"):
            expected = getattr(small_runs.position_reading(2), name)
            np.testing.assert_array_equal(readings[name].values[2], expected)


def test_a_short_batch_is_filled_up_and_a_long_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    short = small_runs.force_reading(0, shots=5)
    with RunWriter.create(path, small_runs.plan()) as writer:
        writer.append(**small_runs.rows(0))
        writer.append_reading(row=0, reading=short)
        with pytest.raises(InvalidInput, match=r"shape \(9, 9\)"):
            writer.append_reading(row=1, reading=small_runs.force_reading(1, shots=9))
    with open_run(path) as run:
        forces = run.tree["readings"].forces.values[0]
        np.testing.assert_array_equal(forces[:5], short.forces)
        assert np.isnan(forces[5:]).all()


def test_readings_out_of_order_are_refused(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run.h5", small_runs.plan()) as writer:
        writer.append(**small_runs.rows(0))
        writer.append_reading(row=2, reading=small_runs.force_reading(2))
        writer.commit()
        for row in (2, 1, -1, NODES):
            with pytest.raises(InvalidInput, match=f"batch {row} come out of order"):
                writer.append_reading(row=row, reading=small_runs.force_reading(0))
        writer.append_reading(row=3, reading=small_runs.force_reading(3))


def test_readings_of_a_converter_are_kept_as_its_codes(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    step = 20.0 / 2**16
    reading = small_runs.force_reading(0)
    forces = (np.rint(reading.forces / step) * step).astype(np.float64)
    forces[0, 0] = np.nan
    coded = dataclasses.replace(reading, forces=forces)
    plan = small_runs.plan(
        codings={"forces": Coding(step)}, channels=(ChannelScale("ai0", 2.0, 0.5, "V"),) * 9
    )
    with RunWriter.create(path, plan) as writer:
        writer.append(**small_runs.rows(0))
        writer.append_reading(row=0, reading=coded)
        too_far = dataclasses.replace(reading, forces=forces + 11.0)
        with pytest.raises(InvalidInput, match=r"beyond the -9\.99"):
            writer.append_reading(row=1, reading=too_far)
    with h5py.File(path) as file:
        stored = file["entry/readings/forces"]
        assert stored.dtype == np.int16
        assert stored.attrs["scale_factor"] == step
        assert file["entry/readings/forces_scaling_factor"][()] == step
    with open_run(path) as run:
        found = run.tree["readings"].forces.values[0]
        np.testing.assert_allclose(found, forces, rtol=0, atol=1e-12)
        assert run.tree["channels"].units.values.tolist() == ["V"] * 9
