"""Run files open in public tools, without oscilab's code.

Tests of missing tools are skipped. `pip install silx nexusformat punx netCDF4` and Debian's
`hdf5-tools` install them all.
"""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import small_runs
import xarray

from oscilab.traces.paths import segment_folder
from oscilab.traces.run import Run, open_run
from oscilab.traces.writer import RunWriter

STEPS = 12
NODES = small_runs.NODES
GROUPS_OF_A_LIVE_RUN = (
    "/entry", "/entry/array", "/entry/channels", "/entry/checkpoint", "/entry/history",
    "/entry/protocol", "/entry/provenance", "/entry/readings", "/entry/schedule",
    "/entry/training", "/entry/trajectory",
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_run(tmp_path_factory.mktemp("runs") / "run.h5", STEPS)


def write_two_segments(path: Path, done: Any) -> None:
    writer = RunWriter.create(path, small_runs.plan())
    small_runs.write_steps(writer, 0, STEPS)
    writer.rotate()
    small_runs.write_steps(writer, STEPS, STEPS + 3)
    done.set()
    time.sleep(600)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A run that another process is writing, with one sealed and one live segment."""
    path = tmp_path_factory.mktemp("live") / "run.h5"
    context = multiprocessing.get_context("spawn")
    done = context.Event()
    process = context.Process(target=write_two_segments, args=(path, done))
    process.start()
    assert done.wait(200)
    yield path
    process.kill()
    process.join()


@pytest.fixture(scope="module")
def live_part(live: Path) -> Path:
    return segment_folder(live) / "0001.h5.part"


def groups_of(path: Path) -> list[str]:
    found: list[str] = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.append(name) if hasattr(item, "keys") else None)
    return found


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
@pytest.mark.parametrize("which", ["finished", "sealed"])
def test_every_group_opens_in_xarray(finished: Path, live: Path, engine: Any, which: str) -> None:
    if engine == "netcdf4":
        pytest.importorskip("netCDF4", reason="pip install netCDF4")
    path = finished if which == "finished" else live
    groups = groups_of(path)
    assert len(groups) >= len(GROUPS_OF_A_LIVE_RUN)
    for group in groups:
        with xarray.open_dataset(path, group=group, engine=engine) as dataset:
            dataset.load()
    with xarray.open_dataset(path, group="entry/training", engine=engine) as training:
        expected = np.concatenate([small_runs.rows(step)["loss"] for step in range(STEPS)])
        np.testing.assert_array_equal(training.loss.values, expected)
        assert training.utc.dtype.kind == "M"
    with xarray.open_dataset(path, group="entry/readings", engine=engine) as readings:
        assert readings.forces.dims == ("batch", "shot", "oscillator")
        assert set(readings.coords) == {"batch", "shot", "oscillator"}
    with xarray.open_datatree(path, engine=engine) as tree:
        assert tree["entry/history"].parameters.dims == ("checkpoint", "node", "parameter")


def test_a_live_segment_opens_in_h5py(live_part: Path) -> None:
    with h5py.File(live_part, "r", swmr=True) as file:
        assert file["entry/training/n_committed"][()] == 3 * NODES
        np.testing.assert_array_equal(
            file["entry/training/loss"][:NODES], small_runs.rows(STEPS)["loss"]
        )


@pytest.mark.parametrize("group", GROUPS_OF_A_LIVE_RUN)
def test_a_live_segment_opens_in_xarray(live_part: Path, group: str) -> None:
    with xarray.open_dataset(
        live_part, group=group, engine="h5netcdf", driver_kwds={"swmr": True}
    ) as dataset:
        dataset.load()
        if group == "/entry/training":
            assert dataset.sizes["batch"] == 3 * NODES


def check_lazy(run: Run, steps: int) -> None:
    assert run.n_committed == steps * NODES
    training, readings = run.tree["training"], run.tree["readings"]
    assert not readings.forces.variable._in_memory
    assert training.elapsed.attrs["units"] == "s"
    assert readings.forces.attrs["units"] == "1"
    assert readings.forces.dims == ("batch", "shot", "oscillator")
    small_runs.check_rows(run, steps * NODES)


def test_open_run_gives_lazy_arrays_with_units_of_any_run(finished: Path, tmp_path: Path) -> None:
    with open_run(finished) as run:
        assert run.status == "finished"
        check_lazy(run, STEPS)
    path = tmp_path / "run.h5"
    context = multiprocessing.get_context("spawn")
    done = context.Event()
    process = context.Process(target=write_two_segments, args=(path, done))
    process.start()
    try:
        assert done.wait(200)
        with open_run(path) as run:
            assert run.status == "running"
            check_lazy(run, STEPS + 3)
    finally:
        process.kill()
        process.join()
    files = [path, *segment_folder(path).iterdir()]
    before = [file.read_bytes() for file in files]
    with open_run(path) as run:
        assert run.status == "torn"
        check_lazy(run, STEPS + 3)
    assert [file.read_bytes() for file in files] == before


def test_silx_finds_the_default_plot(finished: Path) -> None:
    silx_io = pytest.importorskip("silx.io", reason="pip install silx")
    from silx.io import nxdata

    with silx_io.open(str(finished)) as file:
        default = nxdata.get_default(file)
        assert default is not None
        assert default.is_valid
        assert default.signal_dataset_name == "loss"
        assert default.axes_dataset_names == ["batch"]
        assert default.signal.shape == (STEPS * NODES,)
        for group in ("readings", "history", "protocol", "trajectory"):
            assert nxdata.NXdata(file[f"entry/{group}"]).is_valid


def test_silx_opens_a_live_segment(live_part: Path) -> None:
    utils = pytest.importorskip("silx.io.h5py_utils", reason="pip install silx")
    with utils.File(str(live_part), mode="r", swmr=True) as file:
        assert file["entry/training/loss"].shape == (3 * NODES,)


def test_nexusformat_finds_no_error(finished: Path) -> None:
    nexus = pytest.importorskip("nexusformat.nexus", reason="pip install nexusformat")
    root = nexus.nxload(str(finished))
    assert root.get_default().nxname == "training"
    assert root.entry.training.nxsignal.nxname == "loss"
    assert [axis.nxname for axis in root.entry.readings.nxaxes] == ["batch", "shot", "oscillator"]
    assert root.entry.trajectory.positions.shape == (6, 11, 9)


@pytest.mark.slow
def test_punx_finds_no_error(finished: Path) -> None:
    pytest.importorskip("punx", reason="pip install punx")
    done = subprocess.run(
        [sys.executable, "-m", "punx.main", "validate", str(finished)],
        capture_output=True,
        text=True,
        check=False,
    )
    counted = [line for line in done.stdout.splitlines() if line.startswith("ERROR ")]
    assert len(counted) == 1, done.stdout + done.stderr
    assert counted[0].split()[1] == "0", done.stdout


@pytest.mark.parametrize("tool", ["h5ls", "h5dump"])
@pytest.mark.parametrize("which", ["finished", "sealed"])
def test_the_hdf5_tools_open_a_run(finished: Path, live: Path, tool: str, which: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (Debian: hdf5-tools)")
    path = finished if which == "finished" else live
    arguments = ["-r"] if tool == "h5ls" else ["-d", "/entry/training/n_committed"]
    done = subprocess.run([tool, *arguments, str(path)], capture_output=True, text=True, check=True)
    assert ("/entry/readings/forces" if tool == "h5ls" else f"(0): {STEPS * NODES}") in done.stdout


def test_h5clear_opens_what_a_killed_writer_left(tmp_path: Path) -> None:
    """Follow the steps in FORMAT.md for use without oscilab, on a copy."""
    if shutil.which("h5clear") is None:
        pytest.skip("h5clear is not installed (Debian: hdf5-tools)")
    path, copy = tmp_path / "run.h5", tmp_path / "copy.h5"
    with RunWriter.create(path, small_runs.plan()) as writer:
        small_runs.write_steps(writer, 0, STEPS)
        shutil.copy(path, copy)
    with pytest.raises(OSError, match="already open for write"):
        h5py.File(copy, "r")
    subprocess.run(["h5clear", "-s", "--increment=0", str(copy)], check=True, capture_output=True)
    with h5py.File(copy, "r") as file:
        count = file["entry/training/n_committed"][()]
        assert count == STEPS * NODES
        assert file["entry/training/step"][count - 1] == STEPS - 1
