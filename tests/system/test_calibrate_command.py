"""The commands `oscilab calibrate` and `oscilab test`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from oscilab.bench import find
from oscilab.cli.main import main
from oscilab.wired import read_calibration

DEAD = 'seed = 1\ndead = ["ao3"]\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a copy of the example bench."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OSCILAB_BENCH", raising=False)
    monkeypatch.setattr(find, "user_folder", lambda: tmp_path / "user")
    shutil.copy(find.example_benches()["virtual0"], tmp_path / "bench.toml")
    return tmp_path


def test_a_device_is_calibrated_and_trained_with_it(folder, capsys):
    small = ("--points", "300", "--releases", "400")
    assert main(["calibrate", "--device", "virtual-flawed", *small]) == 0
    out = capsys.readouterr().out
    assert "clamp actuators fix length" in out
    assert "stiffness[0]" in out
    assert "mobility" in out
    path = folder / "virtual-flawed.calibration.toml"
    assert path.with_suffix(".png").stat().st_size > 10_000
    assert read_calibration(path).device.serial == "virtual-1"
    bench = folder / "bench.toml"
    text = bench.read_text()
    named = f'[devices.virtual-flawed]\ncalibration = "{path.name}"\n'
    bench.write_text(text.replace("[devices.virtual-flawed]\n", named))
    assert main(["check"]) == 0
    assert "virtual-flawed: no calibration" not in capsys.readouterr().out
    tiny = [f"--set={each}" for each in ("steps=1", "batch=8", "samples=20", "slices=3")]
    train = ["train", "two-gaussians", "--device", "virtual-flawed", "--out", "run.h5", *tiny]
    assert main(train) == 0


def test_a_broken_line_is_named_and_nothing_is_stored(folder, capsys):
    bench = folder / "bench.toml"
    bench.write_text(bench.read_text().replace("seed = 1\n", DEAD))
    assert main(["test", "virtual-flawed"]) == 4
    captured = capsys.readouterr()
    assert "ao3 (stiffness[1]) is dead" in captured.out
    assert "1 broken lines" in captured.err
    assert main(["calibrate", "--device", "virtual-flawed", "--points", "300"]) == 4
    assert "no calibration was stored" in capsys.readouterr().err
    assert [path.name for path in Path.cwd().iterdir()] == ["bench.toml"]


def test_a_sound_device_passes_its_test(folder, capsys):
    assert main(["test", "virtual0"]) == 0
    assert "every line answers as it should" in capsys.readouterr().out
    assert main(["test", "sim"]) == 2
