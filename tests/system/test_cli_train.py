"""The commands `oscilab train` and `oscilab sample` on small runs."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from oscilab import open_run
from oscilab.cli.main import main

STEPS = 24
SMALL = [
    "train", "two-gaussians", "--steps", str(STEPS), "--samples", "100", "--slices", "4",
    "--batch", "32", "--seed", "1", "--set", "checkpoint_every=6",
]  # fmt: skip

# A watcher that ends its own process during the training, in the way `how`.
ENDING = """
import os, signal, sys
from oscilab.cli import progress
from oscilab.cli.main import main

class Ends(progress.Lines):
    def task(self, description, total, done=0):
        task = super().task(description, total)
        return task if description != "training" else Counts(task)

class Counts:
    def __init__(self, task):
        self.task, self.steps = task, 0
    def __enter__(self):
        self.inner = self.task.__enter__()
        return self
    def __exit__(self, *error):
        return self.task.__exit__(*error)
    def advance(self, n=1, **figures):
        self.inner.advance(n, **figures)
        self.steps += n
        if self.steps == 15:
            {how}

progress.watcher = lambda: Ends(sys.stderr)
sys.exit(main(sys.argv[1:]))
"""


def start(arguments, folder):
    environment = {key: value for key, value in os.environ.items() if key != "OSCILAB_BENCH"}
    return subprocess.run(
        arguments, cwd=folder, capture_output=True, text=True, encoding="utf-8",
        env={**environment, "PYTHONUTF8": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a small run by the console script; return the folder and the ended process."""
    folder = tmp_path_factory.mktemp("trained")
    script = shutil.which("oscilab", path=os.path.dirname(sys.executable))  # noqa: PTH120
    assert script, "the console script is not installed beside this Python"
    return folder, start([script, *SMALL, "--out", "run.h5"], folder)


@pytest.fixture
def cli(tmp_path, capsys, monkeypatch):
    """Run a command in an empty folder; return exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.delenv("OSCILAB_BENCH", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def parameters(path):
    with open_run(path) as run:
        return run.protocol().parameters


def test_training_leaves_a_run_a_picture_and_figures(trained):
    folder, ended = trained
    assert ended.returncode == 0, ended.stderr
    assert ["run", "run.h5"] in [line.split() for line in ended.stdout.splitlines()]
    assert ["picture", "run.png"] in [line.split() for line in ended.stdout.splitlines()]
    assert (folder / "run.png").read_bytes().startswith(b"\x89PNG")
    with open_run(folder / "run.h5") as run:
        assert run.status == "finished"
        assert run.configuration["settings"]["steps"] == STEPS
        assert run.configuration["settings"]["checkpoint_every"] == 6
        weight = f"{run.figures['weight_0']:.4g}"
    table = ended.stdout.partition("figure of merit")[2]
    assert ["weight", "0", weight] in [line.split()[:3] for line in table.splitlines()]


def test_progress_is_plain_lines_on_stderr(trained):
    _, ended = trained
    assert "\x1b" not in ended.stderr
    assert "\r" not in ended.stderr
    lines = ended.stderr.splitlines()
    assert lines[0] == "training"
    assert any(line.startswith("  run file") and "run.h5" in line for line in lines)
    last = [line for line in lines if line.startswith("training ")][-1]
    assert last.startswith(f"training {STEPS}/{STEPS}, loss ")
    assert last.rstrip().endswith(" s")


def test_sampling_writes_a_run_that_names_its_parent(trained, cli, tmp_path):
    folder, _ = trained
    code, out, _ = cli(
        "sample", folder / "run.h5", "-n", 70, "--seed", 5, "--readout", "denoised",
        "--out", "again.h5",
    )  # fmt: skip
    assert code == 0
    assert "again.png" in out
    assert (tmp_path / "again.png").is_file()
    with open_run(tmp_path / "again.h5") as run:
        assert run.kind == "sample"
        assert run.provenance.parent == str(folder / "run.h5")
        assert run.configuration["settings"]["seed"] == 5
        assert run.configuration["settings"]["readout"] == "denoised"
        assert run.configuration["settings"]["samples"] == 70
        assert np.array_equal(run.protocol().parameters, parameters(folder / "run.h5"))


def test_a_device_of_a_bench_file(cli, tmp_path):
    assert cli("init-bench")[0] == 0
    code, _, err = cli(*SMALL, "--device", "pair", "--note", "by hand", "--out", "pair.h5")
    assert code == 0, err
    assert str(tmp_path / "bench.toml") in err
    with open_run(tmp_path / "pair.h5") as run:
        assert run.provenance.identity.name == "pair"
        assert len(run.provenance.bench_hash) == 64
        assert run.provenance.note == "by hand"
    code, _, err = cli("train", "digits", "--device", "pair", "--topology", "all-to-all")
    assert code == 2
    assert "device pair has 2 oscillators" in err


def test_a_killed_run_is_resumed_to_the_same_end(trained, cli, tmp_path):
    folder, _ = trained
    script = ENDING.format(how="os._exit(9)")
    ended = start([sys.executable, "-c", script, *SMALL, "--out", "run.h5"], tmp_path)
    assert ended.returncode == 9
    with open_run(tmp_path / "run.h5") as run:
        assert run.status == "torn"
        assert run.n_committed == 15 * 5
        assert run.checkpoint()[0] == 12
    code, out, err = cli("train", "--resume", "run.h5")
    assert code == 0, err
    assert "continuing after step 12" in err
    assert "run.png" in out
    with open_run(tmp_path / "run.h5") as run:
        assert run.status == "finished"
    assert np.array_equal(parameters(tmp_path / "run.h5"), parameters(folder / "run.h5"))


def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(tmp_path):
    script = ENDING.format(how="signal.raise_signal(signal.SIGINT)")
    ended = start([sys.executable, "-c", script, *SMALL, "--out", "run.h5"], tmp_path)
    assert ended.returncode == 130
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[-1] == (
        "oscilab: stopped by Ctrl-C; run file run.h5 keeps what was measured, and "
        "`oscilab train --resume run.h5` continues it"
    )
    assert "Traceback" not in ended.stderr
    with open_run(tmp_path / "run.h5") as run:
        assert run.status == "interrupted"
        assert run.checkpoint()[0] == 12


def test_an_existing_run_is_not_touched(trained, cli, tmp_path):
    folder, _ = trained
    before = (folder / "run.h5").read_bytes()
    code, out, err = cli(*SMALL, "--out", folder / "run.h5")
    assert (code, out) == (2, "")
    assert "exists" in err.splitlines()[-1]
    assert (folder / "run.h5").read_bytes() == before
    code, _, err = cli("train", "--resume", folder / "run.h5")
    assert code == 2
    assert "is finished" in err
    assert (folder / "run.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sample", "gone.h5"], "gone.h5 cannot be read"),
        (["sample", "RUN", "--label", "1"], "was trained on all classes together"),
        (["sample", "RUN", "--device", "daq9"], "unknown device 'daq9'"),
        (["sample", "RUN", "--out", "RUN"], "exists"),
    ],
)
def test_a_sampling_that_cannot_be_leaves_nothing(trained, cli, tmp_path, arguments, words):
    run = str(trained[0] / "run.h5")
    code, out, err = cli(*(run if argument == "RUN" else argument for argument in arguments))
    assert (code, out) == (2, "")
    assert words in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
