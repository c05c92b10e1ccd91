"""The output of `oscilab traces`: list, info, compare, repair."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_runs

from oscilab.cli.main import main
from oscilab.traces.compare import compare, final_losses
from oscilab.traces.plots import draw_comparison
from oscilab.traces.run import open_run

STEPS = 12
NODES = small_runs.NODES


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_run(tmp_path_factory.mktemp("runs") / "run.h5", STEPS)


@pytest.fixture(scope="module")
def in_pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_torn_run(tmp_path_factory.mktemp("pieces") / "torn.h5")


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
    assert lines["b.h5"][1:4] == ["failed", "train", str(small_runs.TORN_STEPS * NODES)]
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
    """Importing xarray would be too slow for `info`."""
    code = (
        "import sys\nfrom oscilab.cli.main import main\n"
        f"assert main(['traces', 'info', {str(finished)!r}]) == 0\n"
        "heavy = {'xarray', 'matplotlib', 'numba', 'scipy', 'pandas', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
    assert (
        f"{out} holds {small_runs.TORN_STEPS * NODES} measured batches" in capsys.readouterr().out
    )
    assert main(["traces", "repair", str(out)]) == 0
    assert "needed no repair" in capsys.readouterr().out
