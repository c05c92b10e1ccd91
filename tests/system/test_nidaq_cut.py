"""After an aborted waveform on NI boards, the ramp to safe values starts at its last sample."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from oscilab.bench import open_array
from oscilab.interruption import MadeSafe
from oscilab.wired.device import device_potential
from oscilab_sim.nidaq.twin import NidaqTwin

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

from nidaq_benches import pair, pointed, rest_of

SLEW = 100.0
LIMITS = {
    "outputs": {"range": [-10.0, 10.0], "slew": SLEW, "safe": 0.0},
    "clamp_enable": {"safe": True},
}
SETTINGS = {
    "start": "assume-safe", "samples_per_slice": 1, "rate_hz": 1e3, "longest_s": 600.0,
}  # fmt: skip
# The first point is the start of the waveform, the last its end.
POINTS = np.repeat([[0.0, 0.0], [3.0, 3.0], [-3.0, -3.0]], [1, 5000, 10], axis=0)
PATIENCE_S = 60.0


@pytest.fixture
def twin_and_array():
    device = pair(limits=LIMITS, settings=SETTINGS, twin={"pace": 1.0})
    twin = NidaqTwin.start(device, None)
    try:
        array = open_array(pointed(device, twin), device_potential(device), 0)
        yield twin, array
        array.close()
    finally:
        twin.stop()


def test_outputs_never_jump(twin_and_array):
    """The boards cannot be read back, but NI-DAQmx counts the samples that went out.

    The waveform's last level, which is all that one would know otherwise, is 6 V away.
    """
    twin, array = twin_and_array
    plant = twin.server.driver.engine.plant
    board, analog = plant.board, np.isfinite(array.drive.limits.slew)
    set_levels, steps = plant.set_levels, []

    def recorded(levels):
        before = np.array(board.levels)
        set_levels(levels)
        steps.append(np.abs(np.array(board.levels) - before)[analog].max())

    def stop():
        until = time.monotonic() + PATIENCE_S
        while np.max(board.levels) < 2.9 and time.monotonic() < until:
            time.sleep(0.01)
        plant.set_levels = recorded
        array.stop(MadeSafe("enough"))

    theta = array.description.potential.vector(stiffness=2.0)
    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(MadeSafe, match="enough"):
        array.measure_forces(theta, POINTS)
    stopping.join()
    assert rest_of(array, board)
    assert len(steps) > 1
    assert max(steps) <= SLEW * array.wired.front_end.channels.update_s * (1 + 1e-9)
