"""A device with its own topology and terms: training, stopping, resuming, playback."""

import numpy as np
import pytest

import oscilab
from oscilab.errors import InvalidInput
from oscilab.progress import Quiet
from oscilab.traces.plan import BatchFlag

BENCH = """
schema = 1
[devices.lattice]
array = "simulated"
topology = { kind = "lattice", rows = 8, columns = 8, radius = 1.5 }
terms = ["bias", "stiffness", "quartic", "coupling"]
[devices.lattice.settings]
clamp = 5.0
"""
SMALL = {"steps": 6, "slices": 3, "samples": 40, "batch": 16, "checkpoint_every": 2}


class StopAt(Quiet):
    """Interrupts after `steps` progress reports."""

    def __init__(self, steps):
        self.left = steps

    def task(self, description, total, done=0):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None

    def advance(self, n=1, **figures):
        self.left -= n
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def bench(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text(BENCH)
    return str(path)


def test_its_own_topology_is_trained_and_played_again(bench, tmp_path):
    run = oscilab.train("digits", "lattice", bench=bench, overrides=SMALL, out=tmp_path / "run.h5")
    assert run.protocol.potential.topology.name.startswith("8x8 lattice, radius 1.5")
    again = oscilab.sample(
        run.path, "lattice", bench=bench, n=8, readout="raw", out=tmp_path / "more.h5"
    )
    assert again.samples.shape == (8, 64)
    assert np.array_equal(again.protocol.parameters, run.protocol.parameters)


def test_a_stopped_run_resumes_to_the_same_protocol(bench, tmp_path):
    whole = oscilab.train(
        "digits", "lattice", bench=bench, overrides=SMALL, out=tmp_path / "whole.h5"
    )
    stopped = tmp_path / "stopped.h5"
    with pytest.raises(KeyboardInterrupt):
        oscilab.train(
            "digits", "lattice", bench=bench, overrides=SMALL, out=stopped, progress=StopAt(5)
        )
    with oscilab.open_run(stopped) as run:
        assert run.status == "interrupted"
        assert run.checkpoint()[0] == 4
    resumed = oscilab.train(device="lattice", bench=bench, resume=stopped)
    with oscilab.open_run(stopped) as run:
        restarted = run.tree["training"].status.values & BatchFlag.RESTARTED
        assert np.flatnonzero(restarted).tolist() == [4 * len(run.tree["schedule"].nodes)]
    assert resumed.protocol.parameters.tobytes() == whole.protocol.parameters.tobytes()
    assert resumed.samples.tobytes() == whole.samples.tobytes()


def test_a_run_stopped_before_its_first_checkpoint_resumes(bench, tmp_path):
    whole = oscilab.train(
        "digits", "lattice", bench=bench, overrides=SMALL, out=tmp_path / "whole.h5"
    )
    stopped = tmp_path / "stopped.h5"
    with pytest.raises(KeyboardInterrupt) as stop:
        oscilab.train(
            "digits", "lattice", bench=bench, overrides=SMALL, out=stopped, progress=StopAt(1)
        )
    command = f"oscilab train --resume {stopped} --device lattice --bench {bench}"
    assert command in stop.value.__notes__[0]
    resumed = oscilab.train(device="lattice", bench=bench, resume=stopped)
    assert resumed.protocol.parameters.tobytes() == whole.protocol.parameters.tobytes()


def test_another_device_does_not_resume_it(bench, tmp_path):
    stopped = tmp_path / "stopped.h5"
    with pytest.raises(KeyboardInterrupt):
        oscilab.train(
            "digits", "lattice", bench=bench, overrides=SMALL, out=stopped, progress=StopAt(5)
        )
    with pytest.raises(InvalidInput, match="measured on device lattice, not on sim"):
        oscilab.train(resume=stopped)
