"""A run that a version before 0.1.0 wrote, whose file holds no monomials of its terms.

`tests/data` has 167 of 1500 steps of `two-gaussians`, 64 points a batch, stopped by Ctrl-C.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import oscilab
from oscilab.cli.main import main

OLD = Path(__file__).parents[1] / "data/interrupted_run_without_monomials.h5.gz"


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.h5"
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    return path


def test_it_is_read(old, capsys):
    assert main(["traces", "info", str(old)]) == 0
    assert "501, to step 166" in capsys.readouterr().out
    with oscilab.open_run(old) as run:
        assert "monomial_coefficient" not in run.sources[0].entry["array"]
        loss = run.tree["training"].loss.to_numpy()
        step, parameters, _ = run.checkpoint()
    assert loss.shape == (501,)
    assert loss[-30:].mean() < loss[:30].mean()
    assert (step, parameters.shape) == (150, (3, 12))


@pytest.mark.parametrize("what", ["loss", "protocol", "forces"])
def test_its_pictures_are_drawn(old, tmp_path, what):
    assert main(["traces", "plot", str(old), "--what", what, "--out", str(tmp_path)]) == 0
    (picture,) = tmp_path.glob("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_it_goes_on_and_is_played(old, tmp_path):
    assert main(["train", "--resume", str(old), "--no-publish"]) == 0
    with oscilab.open_run(old) as run:
        assert run.tree["training"].loss.shape == (4500,)
        trained = run.protocol().parameters
    assert np.isfinite(trained).all()
    played = oscilab.sample(old, n=40, readout="raw", out=tmp_path / "played.h5")
    assert played.samples.shape == (40, 2)
