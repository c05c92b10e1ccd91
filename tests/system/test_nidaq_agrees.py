"""Training and playback through nidaqmx and gRPC equal those on the board in this process."""

from __future__ import annotations

import numpy as np
import pytest

import oscilab
from oscilab.traces.run import open_run

SIGMAS = 5.0
SMALL = {"steps": 6, "batch": 128, "samples": 400, "seed": 4, "slices": 8}
PIXELS = {"steps": 1, "batch": 32, "samples": 100, "seed": 4, "topology": "lattice",
          "radius": 1.5, "readout": "raw", "slices": 6}  # fmt: skip


def trained(experiment, device, folder, settings):
    return oscilab.train(
        experiment, device, overrides=settings, out=folder / f"{device}.h5", log_batches=1000,
        simulate=device.startswith("daq"),
    )  # fmt: skip


def differences(first, second):
    """Return the differences of means and second moments, in standard errors."""
    found = []
    for power in (1, 2):
        a, b = (np.asarray(samples, np.float64) ** power for samples in (first, second))
        error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        found.append((a.mean(axis=0) - b.mean(axis=0)) / error)
    return np.abs(np.concatenate(found))


def check(experiment, daq, virtual, folder, settings):
    """Equal readings train equal protocols; samples agree to 5 sampling errors."""
    nidaq = trained(experiment, daq, folder, settings)
    board = trained(experiment, virtual, folder, settings)
    np.testing.assert_allclose(
        nidaq.protocol.parameters, board.protocol.parameters, rtol=1e-6, atol=1e-9
    )
    assert (differences(nidaq.samples, board.samples) < SIGMAS).all()
    with open_run(nidaq.path) as run:
        assert run.provenance.simulated
        assert run.provenance.identity.kind == "nidaq"


@pytest.mark.slow
def test_two_gaussians(tmp_path):
    """Four comparisons: false-alarm rate 2e-6."""
    check("two-gaussians", "daq0", "virtual0", tmp_path, SMALL)


@pytest.mark.slow
def test_the_8x8_array(tmp_path):
    """As above, over the 128 moments of 64 pixels: false-alarm rate 8e-5."""
    check("digits", "daq8x8", "virtual8x8", tmp_path, PIXELS)
