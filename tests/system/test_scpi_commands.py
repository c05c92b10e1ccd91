"""A rack from the command line: the example benches, and the prompt of one instrument."""

from __future__ import annotations

import subprocess
import sys

import pytest
from racks import SILENCE_S, described, twin_of, write_bench

import oscilab


def command(folder, *arguments, text=None):
    return subprocess.run(
        [sys.executable, "-m", "oscilab", *arguments],
        cwd=folder, capture_output=True, text=True, input=text, timeout=240,
    )  # fmt: skip


@pytest.fixture
def twin(tmp_path):
    """A rack in this process, to which the device of `bench.toml` is connected."""
    with twin_of(described(timeout_s=SILENCE_S)) as (twin, device):
        write_bench(tmp_path / "bench.toml", device)
        yield twin


@pytest.mark.slow
def test_the_example_trains_from_the_command_line(tmp_path):
    ended = command(
        tmp_path, "train", "two-gaussians", "--device", "rack0", "--simulate", "--steps", "2",
        "--batch", "8", "--slices", "3", "--set", "samples=24", "--out", "run.h5",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "not hardware timed: outputs settle within" in ended.stderr
    with oscilab.open_run(tmp_path / "run.h5") as run:
        assert run.provenance.simulated


@pytest.mark.slow
def test_the_8x8_example_reads_every_line(tmp_path):
    ended = command(tmp_path, "read", "rack8x8", "--simulate")
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1 + 467 + 128


def test_a_prompt_without_a_terminal_takes_lines(twin, tmp_path):
    typed = "*IDN?\nSOUR3:VOLT 1.5\n\nsour3:volt?;volt:slew?\nSOUR3:VOLT 11\n*OPC?\n"
    ended = command(tmp_path, "scpi", "rack", "dac", "--bench", "bench.toml", text=typed)
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.splitlines()
    assert said[0].startswith("dac: QDevil, QDAC-II")
    assert "limits and interlocks are not applied here" in said[1]
    assert said[3] == "1.5;inf"
    assert "has error -222 'Data out of range' after 'SOUR3:VOLT 11'" in said[4]
    assert said[5:] == ["1"]
    number = twin.board.channels.output_numbers["dac_3"]
    assert twin.board.levels[number] == 1.5


@pytest.mark.slow
def test_commands_instead_of_a_prompt_and_their_refusals(twin, tmp_path):
    scpi = ("scpi", "rack", "--bench", "bench.toml")
    ended = command(tmp_path, *scpi[:2], "daq", *scpi[2:], "SYST:CTYP? 1", "MEAS:VOLT? (@101)")
    assert ended.returncode == 0, ended.stderr
    assert "DAQM900A" in ended.stdout.splitlines()[0]
    float(ended.stdout.splitlines()[1])
    ended = command(tmp_path, *scpi[:2], "dac", *scpi[2:], "NOSUCH 1")
    assert ended.returncode == 4
    ended = command(tmp_path, *scpi[:2], "dac", *scpi[2:], text="NOSUCH?\n*OPC?\n")
    assert "has error -113 'Undefined header' after 'NOSUCH?'" in ended.stdout
    assert ended.stdout.endswith("\n1\n")
    ended = command(tmp_path, *scpi)
    assert ended.returncode == 2
    assert "which instrument of device rack; it has: dac, awg, daq" in ended.stderr
    ended = command(tmp_path, "scpi", "virtual0", "dac")
    assert ended.returncode == 2
    assert "not scpi" in ended.stderr
