"""Results are bit-identical for any number of threads of the engines and BLAS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from oscilab.physics import Potential, Protocol, all_to_all, geometric, lattice
from oscilab_sim.array import SimulatedArray

TERMS = ["bias", "stiffness", "quartic", "coupling"]
SCRIPT = """
import hashlib
from test_sim_threads import readings
from oscilab.physics import all_to_all
found = hashlib.sha256()
for engine in ("numba", "numpy"):
    for values in readings(all_to_all(6, 12), engine, threads=1):
        found.update(values.tobytes())
print(found.hexdigest())
"""


def readings(topology, engine, threads):
    potential = Potential(topology, TERMS)
    settings = SimulatedArray.Settings(engine=engine, threads=threads, averaging_time=2.0)
    array = SimulatedArray(potential, seed=5, settings=settings)
    generator = np.random.default_rng(0)
    couplings = generator.normal(size=len(potential.family("coupling").ends))
    theta = potential.vector(bias=0.5, stiffness=30.0, quartic=1.0, coupling=couplings)
    x = generator.normal(size=(333, potential.oscillators))
    protocol = Protocol(potential, geometric(2, 0.001, 0.005), np.stack([theta] * 3))
    trajectory = array.play(protocol, initial=x, record_every=0.003)
    return [
        array.measure_forces(theta, x).forces,
        array.relax(theta, x, 0.005).end,
        trajectory.positions,
        trajectory.work,
        trajectory.heat,
    ]


@pytest.mark.parametrize("topology", [lattice(4, 5, 1.5), all_to_all(4, 5)], ids=lambda t: t.name)
def test_threads_of_the_engine(monkeypatch, topology):
    monkeypatch.setattr("oscilab_sim.numba_engine.WORTH_A_THREAD", 1)
    expected = readings(topology, "numba", threads=1)
    for threads in (2, 3, 8, None):
        for first, second in zip(
            expected, readings(topology, "numba", threads=threads), strict=True
        ):
            np.testing.assert_array_equal(first, second)


def test_threads_of_blas():
    """Both engines agree at 72 oscillators all-to-all, where BLAS itself differs."""
    answers = set()
    for threads in ("1", "4"):
        counts = {f"{name}_NUM_THREADS": threads for name in ("OPENBLAS", "MKL", "OMP")}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, **counts, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.add(run.stdout)
    assert len(answers) == 1
