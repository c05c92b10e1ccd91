"""Refusals of `oscilab train` before it writes anything, and places that cannot be written."""

import subprocess
import sys
from pathlib import Path

import pytest

from oscilab.cli.main import main


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device", "daq9"], "unknown device 'daq9'; the devices are: sim"),
        (["--bench", "gone.toml"], "gone.toml (from --bench) does not exist"),
        (["two-gaussian"], "unknown experiment 'two-gaussian'; installed: "),
        (["gone.toml"], "experiment file gone.toml cannot be read"),
        (["--set", "colour=red"], "unknown key colour; known: "),
        (["--set", "slices=many"], "slices is 'many', but must be an integer"),
        (["--rule", "guess"], "unknown rule 'guess'; the rules are "),
        (["--topology", "ring"], "unknown topology 'ring'; use "),
        (["--resume", "gone.h5"], "gone.h5 cannot be read"),
        (["digits", "--resume", "gone.h5"], "remove EXPERIMENT 'digits'"),
    ],
)
def test_an_impossible_training_is_refused_in_one_sentence(cli, tmp_path, arguments, words):
    code, out, err = cli("train", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("oscilab: ")
    assert err.count("\n") == 1
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(cli, tmp_path):
    (tmp_path / "file.txt").write_text("")
    code, out, err = cli("train", "two-gaussians", "--out", "file.txt/run.h5")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("oscilab: run file file.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_standard_output_is_no_fault():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "oscilab", "experiments"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("oscilab: what standard output goes to is full")
    assert done.stderr.count("\n") == 1
