"""What `oscilab traces` says, draws and writes."""

from __future__ import annotations

import csv
import multiprocessing
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs
import xarray
from matplotlib.image import imread

from oscilab.cli.main import main
from oscilab.errors import InvalidInput
from oscilab.physics import Potential, lattice
from oscilab.traces.compare import compare, final_losses
from oscilab.traces.export import export
from oscilab.traces.plots import PLOTS
from oscilab.traces.plots.comparison import draw_comparison
from oscilab.traces.plots.spectra import periodogram, spring_density
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

STEPS = 12
NODES = small_runs.NODES


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_run(tmp_path_factory.mktemp("runs") / "run.h5", STEPS)


@pytest.fixture(scope="module")
def in_pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of several segments whose writer gave up."""
    path = tmp_path_factory.mktemp("pieces") / "torn.h5"
    writer = RunWriter.create(path, small_runs.plan(), rotation=small_runs.FEW_ROWS)
    small_runs.write_steps(writer, 0, 11)
    writer.close("failed")
    return path


@pytest.mark.parametrize(
    ("name", "ending"), [*((name, "png") for name in PLOTS), ("heatmap", "pdf")]
)
def test_every_picture_is_drawn(finished: Path, tmp_path: Path, name: str, ending: str) -> None:
    path = tmp_path / f"{name}.{ending}"
    with open_run(finished) as run:
        assert PLOTS[name](run, path) == path
    assert list(tmp_path.iterdir()) == [path]
    if ending == "png":
        pixels = imread(path)
        assert pixels.shape[0] > 300
        assert pixels.shape[1] > 800
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
    else:
        assert path.read_bytes().startswith(b"%PDF")


def test_a_run_of_few_oscillators_is_drawn_as_lines(tmp_path: Path) -> None:
    potential = Potential(lattice(1, 2, 1.0), ["bias", "stiffness", "coupling"])
    plan = small_runs.plan(description=small_runs.description(potential), checkpoint={})
    rng = np.random.default_rng(0)
    path = tmp_path / "two.h5"
    with RunWriter.create(path, plan) as writer:
        writer.append(**small_runs.rows(0))
        trajectory = small_runs.trajectory()
        positions = rng.normal(size=(40, small_runs.TIMES, 2))
        writer.write_trajectory(type(trajectory)(trajectory.times, positions, None, None))
    with open_run(path) as run:
        PLOTS["trajectory"](run, tmp_path / "lines.png")
        with pytest.raises(InvalidInput, match="holds no work or heat"):
            PLOTS["energetics"](run, tmp_path / "none.png")
        with pytest.raises(InvalidInput, match="holds no kept readings"):
            PLOTS["forces"](run, tmp_path / "none.png")


@pytest.mark.parametrize("name", ["trajectory", "spectra", "energetics"])
def test_a_picture_of_what_is_not_there_says_so(in_pieces: Path, tmp_path: Path, name: str) -> None:
    with open_run(in_pieces) as run, pytest.raises(InvalidInput, match="holds no played copies"):
        PLOTS[name](run, tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []


def test_targets_that_are_kept_are_drawn_against_forces(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan(targets=True)) as writer:
        writer.append(**small_runs.rows(0))
        for row in range(NODES):
            reading = small_runs.force_reading(row)
            writer.append_reading(row=row, reading=reading, targets=2 * reading.forces)
        writer.append(**small_runs.rows(1))
        with pytest.raises(InvalidInput, match="has no targets"):
            writer.append_reading(row=NODES, reading=small_runs.force_reading(0))
    with open_run(path) as run:
        readings = run.tree["readings"]
        np.testing.assert_array_equal(readings.targets.values, 2 * readings.forces.values)
        PLOTS["forces"](run, tmp_path / "forces.png")


def test_the_density_of_a_spring_integrates_to_its_variance() -> None:
    """sum of the one-sided density over the frequencies of a long record is 1."""
    step, instants = 0.3, 100_000
    frequencies = np.fft.rfftfreq(instants, step)[1:]
    total = spring_density(frequencies, step).sum() / (instants * step)
    assert total == pytest.approx(1.0, abs=1e-4)


def test_the_periodogram_of_a_spring_is_its_density() -> None:
    """4000 exact copies of 64 instants; the mean over frequencies and copies is good to 0.4 %.

    The bound of 2 % is five standard errors: a false alarm once in a million.
    """
    rng = np.random.default_rng(3)
    step, copies, instants = 0.4, 4000, 64
    a = np.exp(-step)
    positions = np.empty((copies, instants, 1))
    positions[:, 0, 0] = rng.normal(size=copies)
    for now in range(1, instants):
        kick = np.sqrt(1 - a**2) * rng.normal(size=copies)
        positions[:, now, 0] = a * positions[:, now - 1, 0] + kick
    frequencies, density = periodogram(positions, step)
    # The window smears the lowest frequencies.
    ratio = density[3:-1, 0] / spring_density(frequencies, step)[3:-1]
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)


def test_list_names_every_run_and_what_cannot_be_read(
    finished: Path, in_pieces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(finished, tmp_path / "a.h5")
    shutil.copy(in_pieces, tmp_path / "b.h5")
    shutil.copytree(in_pieces.with_suffix(".segments"), tmp_path / "b.segments")
    (tmp_path / "c.h5").write_text("not a run")
    assert main(["traces", "list", str(tmp_path)]) == 0
    said = capsys.readouterr()
    lines = {line.split()[0]: line.split() for line in said.out.splitlines()}
    assert lines["a.h5"][1:4] == ["finished", "train", str(STEPS * NODES)]
    assert lines["b.h5"][1:4] == ["failed", "train", str(11 * NODES)]
    assert "c.h5 is not an HDF5 file" in said.err


def test_info_says_what_a_run_holds(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["traces", "info", str(finished)]) == 0
    said = capsys.readouterr().out
    for part in (
        "finished", "simulated", "bench0 (virtual), serial 7", "3x3 lattice, radius 1.5",
        "60, to step 11 after", "60 of 8 points (set_points, positions, forces), every batch",
        "nested.rates", "[0.1, 0.2]", "sliced wasserstein", "0.125", "a test",
    ):  # fmt: skip
        assert part in said


def test_info_takes_no_heavy_library(finished: Path) -> None:
    """A second on a large file leaves no time to import xarray."""
    code = (
        "import sys\nfrom oscilab.cli.main import main\n"
        f"assert main(['traces', 'info', {str(finished)!r}]) == 0\n"
        "heavy = {'xarray', 'matplotlib', 'numba', 'scipy', 'pandas', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_plot_draws_what_is_there_and_names_what_is_not(
    in_pieces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bare.h5"
    with RunWriter.create(path, small_runs.plan(log_every=0)) as writer:
        writer.append(**small_runs.rows(0))
    assert main(["traces", "plot", str(path), "--out", str(tmp_path / "new")]) == 0
    said = capsys.readouterr()
    assert [drawn.name for drawn in (tmp_path / "new").iterdir()] == ["bare-loss.png"]
    assert said.err.count("holds no played copies") == 3
    assert said.err.count("holds no checkpoint") == 2
    assert main(["traces", "plot", str(in_pieces), "--what", "spectra"]) == 2
    assert main(["traces", "plot", str(in_pieces), "--what", "beauty"]) == 2
    assert "no picture 'beauty'; there are loss, protocol" in capsys.readouterr().err


def test_netcdf_export_is_one_netcdf_file(in_pieces: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.nc"
    assert main(["traces", "export", str(in_pieces), "--out", str(out)]) == 0
    with xarray.open_datatree(out, engine="h5netcdf") as tree, open_run(in_pieces) as run:
        for group in ("training", "readings", "history"):
            for name, values in run.tree[group].data_vars.items():
                if name != "n_committed":
                    np.testing.assert_array_equal(tree[f"entry/{group}"][name], values)
    assert main(["traces", "export", str(in_pieces), "--out", str(out)]) == 2


def test_zarr_export_holds_the_same(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zarr", reason="pip install zarr")
    # Small blocks, so that rows are appended.
    monkeypatch.setattr("oscilab.traces.export.BLOCK", 4000)
    out = tmp_path / "run.zarr"
    with open_run(finished) as run:
        export(run, "zarr", out)
        for group in ("training", "readings", "history", "trajectory", "result/samples"):
            with xarray.open_zarr(out, group=group, consolidated=False) as exported:
                for name, values in run.tree[group].data_vars.items():
                    np.testing.assert_array_equal(exported[name].values, values.values)


def test_zarr_export_without_zarr_says_what_to_install(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with open_run(finished) as run, pytest.raises(InvalidInput, match="pip install zarr"):
        export(run, "zarr", tmp_path / "run.zarr")


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_export_holds_tables_to_the_last_digit(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables"
    assert main(["traces", "export", str(finished), "--to", "csv", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "energetics.csv", "figures.csv", "protocol.csv", "samples_raw.csv", "samples_shown.csv",
        "training.csv",
    ]  # fmt: skip
    training = read_table(out / "training.csv")
    expected = np.concatenate([small_runs.rows(step)["loss"] for step in range(STEPS)])
    assert [float(row["loss"]) for row in training] == expected.tolist()
    assert read_table(out / "figures.csv") == [{"figure": "sliced_wasserstein", "value": "0.125"}]
    protocol = read_table(out / "protocol.csv")
    assert float(protocol[1]["coupling[0,1]"]) == small_runs.parameters(STEPS)[1][27]


def test_an_unknown_format_is_refused(finished: Path, tmp_path: Path) -> None:
    with open_run(finished) as run, pytest.raises(InvalidInput, match="netcdf, zarr, csv"):
        export(run, "matlab", tmp_path / "x")


def test_compare_shows_what_differs(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = small_runs.write_run(
        tmp_path / "other.h5", 20, configuration={"experiment": "small", "steps": 7}
    )
    with open_run(finished) as first, open_run(other) as second:
        found = compare([first, second])
        assert found.settings == {"steps": ["3", "7"], "nested.rates": ["[0.1, 0.2]", ""]}
        assert found.figures == {"sliced_wasserstein": [0.125, 0.125]}
        assert len(found.losses) == NODES
        last = [small_runs.rows(step)["loss"][2] for step in (18, 19)]
        assert final_losses(second)[2] == (second.tree["schedule"].nodes[2], np.mean(last))
        draw_comparison([first, second], tmp_path / "both.png")
    assert main(["traces", "compare", str(finished), str(other)]) == 0
    assert "sliced_wasserstein" in capsys.readouterr().out
    assert main(["traces", "compare", str(finished)]) == 2
    assert "name two or more" in capsys.readouterr().err


def test_repair_says_what_was_kept(
    in_pieces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "whole.h5"
    assert main(["traces", "repair", str(in_pieces), "--out", str(out)]) == 0
    assert f"{out} holds {11 * NODES} measured batches" in capsys.readouterr().out
    assert main(["traces", "repair", str(out)]) == 0
    assert "needed no repair" in capsys.readouterr().out


FOLLOWED = 50
"""Steps of the live run; it then stays open, so that what there is to read is bounded."""


def write_on(path: Path, started: Any) -> None:
    with RunWriter.create(path, small_runs.plan()) as writer:
        for step in range(FOLLOWED):
            small_runs.write_steps(writer, step, step + 1)
            if step == 1:
                started.set()
            if step % 5 == 4:
                writer.rotate()
            time.sleep(0.005)
        time.sleep(600)


def test_a_live_run_is_followed_until_its_writer_dies(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=write_on, args=(path, started))
    process.start()
    try:
        assert started.wait(200)
        with open_run(path) as run:
            seen = run.n_committed
            while seen < FOLLOWED * NODES:
                run.refresh()
                assert (run.status, run.damage) == ("running", [])
                small_runs.check_rows(run, seen)
                seen = run.n_committed
            process.kill()
            process.join()
            run.refresh()
            assert run.status == "torn"
            small_runs.check_rows(run, seen)
    finally:
        process.kill()
        process.join()
