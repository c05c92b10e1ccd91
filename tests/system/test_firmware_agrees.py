"""The physics in Python and in the C firmware give equal training and playback."""

from __future__ import annotations

import numpy as np
import pytest
from firmware_rack import needs_compiler

import oscilab

pytestmark = [needs_compiler, pytest.mark.slow]
SIGMAS = 5.0
SETTINGS = {"steps": 40, "batch": 256, "samples": 4000, "seed": 4}
ROUNDING = 0.02
"""Largest difference of parameters, of which the largest are about 8. Both learn from the same
points; converters round forces to 0.12 and parameters to 0.006."""


def differences(first, second):
    """Return the differences of means and second moments, in standard errors."""
    found = []
    for power in (1, 2):
        a, b = (np.asarray(samples, np.float64) ** power for samples in (first, second))
        error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        found.append((a.mean(axis=0) - b.mean(axis=0)) / error)
    return np.abs(np.concatenate(found))


def test_two_gaussians(tmp_path):
    """Protocols agree to the converters' rounding; samples, work and heat to sampling errors.

    Six comparisons at 5 standard errors: false-alarm rate 3e-6.
    """
    runs = {
        device: oscilab.train(
            "two-gaussians", device, overrides=SETTINGS, out=tmp_path / f"{device}.h5",
            log_batches=1000, simulate=device == "mcu0",
        )
        for device in ("mcu0", "sim")
    }  # fmt: skip
    wire, plain = runs["mcu0"], runs["sim"]
    np.testing.assert_allclose(
        wire.protocol.parameters, plain.protocol.parameters, rtol=0, atol=ROUNDING
    )
    assert np.abs(plain.protocol.parameters).max() > 100 * ROUNDING
    assert (differences(wire.samples, plain.samples) < SIGMAS).all()
    # Samples distinguish an untrained protocol from a trained one.
    start = np.random.default_rng(0).standard_normal(np.shape(plain.samples))
    assert (differences(start, plain.samples) > SIGMAS).any()
    for name in ("work_mean", "heat_mean"):
        error = np.hypot(*(run.figures[name.replace("mean", "error")] for run in runs.values()))
        assert abs(wire.figures[name] - plain.figures[name]) < SIGMAS * error
    with oscilab.open_run(wire.path) as run:
        assert run.provenance.simulated
