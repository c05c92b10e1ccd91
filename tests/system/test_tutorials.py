"""Every command and every block of Python in the tutorials is run as it stands, page by page."""

from __future__ import annotations

import importlib.util

import pytest
from page_blocks import ROOT, all_blocks, run_page

from oscilab import open_run

PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
LEAVES = {
    "operator": ["daq0.twin.calibration.toml", "runs/first.h5", "runs/second.h5"],
    "analyst": ["losses.png", "figures/pair-loss.png", "pair.nc", "samples.png", "runs/more.h5"],
    "researcher": ["runs/mine.h5", "runs/ring-cd1.h5", "results/delta.md"],
    "driver": ["oscilab-bridge/pyproject.toml", "runs/bridge.h5"],
}
SAYS = {
    "operator": ["every line answers as it should", "exit code 6"],
    "analyst": ["finished 750 batches"],
    "researcher": ["of what there is to learn is left"],
    "driver": [" passed", "every line answers as it should"],
}


def test_every_page_is_run():
    assert {page.stem for page in PAGES} == set(LEAVES) == set(SAYS)
    assert all({"sh", "python"} & {it.language for it in all_blocks(page)} for page in PAGES)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_runs_as_written(page, tmp_path):
    if page.stem == "driver" and importlib.util.find_spec("cookiecutter") is None:
        pytest.skip("needs cookiecutter")
    folder = tmp_path / "here"
    folder.mkdir()
    printed = run_page(page, folder, [("REPOSITORY", str(ROOT))])
    assert [name for name in LEAVES[page.stem] if not (folder / name).is_file()] == []
    assert [words for words in SAYS[page.stem] if words not in printed] == []
    for name in LEAVES[page.stem]:
        if name.endswith(".h5"):
            with open_run(folder / name) as run:
                assert run.status == "finished"
