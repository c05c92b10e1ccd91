"""Every code block in the READMEs runs unchanged."""

import re
import shlex

import numpy as np
import pytest
from page_blocks import README, ROOT, blocks, oscilab, python

COMMANDS = ROOT / "docs" / "commands.md"


def test_there_are_blocks_to_run():
    assert len(blocks("python")) == 1
    assert len(blocks("sh")) == 4


def windowed(block):
    """Return whether its commands open a window, or draw on a terminal, until they are ended."""
    return "oscilab view" in block


RUN = [block for block in blocks("sh") if not windowed(block)]


def test_commands_with_windows_are_as_written(tmp_path):
    """Their commands and options exist; other tests drive the windows."""
    (block,) = filter(windowed, blocks("sh"))
    for line in block.strip().splitlines():
        words = shlex.split(line, comments=True)
        told = oscilab(f"oscilab {words[1]} --help", tmp_path)
        assert all(word in told for word in words if word.startswith("--")), line


@pytest.mark.slow
@pytest.mark.parametrize("block", RUN, ids=["daq", "bench", "more"])
def test_commands_run_as_written(block, tmp_path):
    (tmp_path / "runs").mkdir()
    for line in block.strip().splitlines():
        oscilab(line, tmp_path)
    assert list(tmp_path.glob("runs/*.h5"))
    assert list(tmp_path.glob("runs/*.png"))


def test_python_runs_as_written(tmp_path):
    code = blocks("python")[0] + "\nassert loss.units == '1' and loss.size > 0\n"
    assert "runs/two-gaussians-" in python(code, tmp_path).replace("\\", "/")


def test_simulated_array_runs_as_written(tmp_path):
    block, daq = blocks("python", ROOT / "sim" / "README.md")
    # A spring of stiffness 2, one relaxation time after rest: (1 - exp(-4)) / 2.
    assert float(python(block, tmp_path)) == pytest.approx(0.491, abs=0.01)
    sine, wired = re.findall(r"\[([^][]+)\]", python(daq, tmp_path))
    assert [float(each) for each in wired.split(",")] == pytest.approx([1.5] * 100)
    assert np.ptp([float(each) for each in sine.split(",")]) == pytest.approx(2.0, abs=0.01)


@pytest.mark.slow
def test_the_picture_s_command_leaves_run_file_and_picture(tmp_path):
    """The command that the README's picture comes from."""
    assert "oscilab train --device sim\n" in README.read_text("utf-8")
    printed = oscilab("oscilab train --device sim", tmp_path)
    (run,) = tmp_path.glob("runs/*.h5")
    assert run.name in printed
    assert run.with_suffix(".png").stat().st_size > 10_000
    assert run.stat().st_size < 200e6


def test_links_lead_somewhere():
    for page in (*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("docs/**/*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", page.read_text("utf-8")):
            place = (page.parent / target).resolve()
            # The site writes that page itself.
            assert place == COMMANDS or place.exists(), f"{page}: {target}"
