"""The pictures of `oscilab traces plot`, and the spectra in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_runs
from matplotlib.image import imread

from oscilab.cli.main import main
from oscilab.errors import InvalidInput
from oscilab.physics import Potential, lattice
from oscilab.traces.plots import PLOTS, periodogram, spring_density
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter

STEPS = 12
NODES = small_runs.NODES


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_run(tmp_path_factory.mktemp("runs") / "run.h5", STEPS)


@pytest.fixture(scope="module")
def in_pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_torn_run(tmp_path_factory.mktemp("pieces") / "torn.h5")


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
    """The one-sided density, summed over the frequencies of a long record, is 1."""
    step, instants = 0.3, 100_000
    frequencies = np.fft.rfftfreq(instants, step)[1:]
    total = spring_density(frequencies, step).sum() / (instants * step)
    assert total == pytest.approx(1.0, abs=1e-4)


def test_the_periodogram_of_a_spring_is_its_density() -> None:
    """The mean over frequencies and 4000 exact copies of 64 samples is accurate to 0.4 %.

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
