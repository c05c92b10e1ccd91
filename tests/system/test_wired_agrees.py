"""On a board without flaws, training and playback through volts equal the simulation."""

from __future__ import annotations

import numpy as np
import pytest

import oscilab

SIGMAS = 5.0
SMALL = {"steps": 40, "batch": 256, "samples": 4000, "seed": 4}
PIXELS = {"steps": 2, "batch": 64, "samples": 600, "seed": 4, "topology": "lattice", "radius": 1.5,
          "readout": "raw", "slices": 12}  # fmt: skip


def trained(experiment, device, folder, settings):
    return oscilab.train(
        experiment, device, overrides=settings, out=folder / f"{device}.h5", log_batches=1000
    )


def differences(first, second):
    """Return the differences of means and second moments, in standard errors."""
    found = []
    for power in (1, 2):
        a, b = (np.asarray(samples, np.float64) ** power for samples in (first, second))
        error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        found.append((a.mean(axis=0) - b.mean(axis=0)) / error)
    return np.abs(np.concatenate(found))


def test_two_gaussians(tmp_path):
    """Equal readings train equal protocols; samples agree to 5 sampling errors.

    Four comparisons: false-alarm rate 2e-6.
    """
    volts = trained("two-gaussians", "virtual0", tmp_path, SMALL)
    plain = trained("two-gaussians", "sim", tmp_path, SMALL)
    np.testing.assert_allclose(volts.protocol.parameters, plain.protocol.parameters, rtol=1e-6)
    assert (differences(volts.samples, plain.samples) < SIGMAS).all()
    for name in ("work_mean", "heat_mean"):
        error = np.hypot(*(run.figures[name.replace("mean", "error")] for run in (volts, plain)))
        assert abs(volts.figures[name] - plain.figures[name]) < SIGMAS * error


@pytest.mark.slow
def test_the_8x8_array(tmp_path):
    """As above, over the 128 moments of 64 pixels: false-alarm rate 8e-5."""
    volts = trained("digits", "virtual8x8", tmp_path, PIXELS)
    plain = trained("digits", "sim", tmp_path, PIXELS)
    np.testing.assert_allclose(
        volts.protocol.parameters, plain.protocol.parameters, rtol=1e-6, atol=1e-9
    )
    assert (differences(volts.samples, plain.samples) < SIGMAS).all()


def test_a_run_through_a_virtual_board_is_marked_as_simulated(tmp_path):
    from oscilab.traces.run import open_run

    tiny = {"steps": 1, "batch": 8, "samples": 20, "slices": 3}
    result = trained("two-gaussians", "virtual0", tmp_path, tiny)
    with open_run(result.path) as run:
        assert run.configuration["device"] == "virtual0"
        assert run.provenance.simulated
        assert run.provenance.identity.kind == "virtual"
