"""Watchdogs of NI boards that expire while the host is slow but alive."""

import sys
import time
from pathlib import Path

import pytest

from oscilab.bench import open_array
from oscilab.errors import InterlockTripped
from oscilab.wired.device import device_potential
from oscilab_sim.nidaq.twin import NidaqTwin

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

from nidaq_benches import CONNECTION, pair, pointed, rest_of

WATCHDOG_S = 0.5
PATIENCE_S = 60.0


@pytest.mark.slow
def test_a_host_that_slept_is_told_so_and_outputs_are_safe():
    boards = {
        name: {"product": product, "watchdog": True}
        for name, product in CONNECTION["boards"].items()
    }
    connection = {**CONNECTION, "boards": boards, "watchdog_s": WATCHDOG_S}
    device = pair(connection=connection)
    twin = NidaqTwin.start(device, None)
    board = twin.server.driver.engine.plant.board
    try:
        array = open_array(pointed(device, twin), device_potential(device), 0)
        theta = array.description.potential.vector(stiffness=2.0)
        array.measure_forces(theta, [[1.0, -1.0]])
        assert not rest_of(array, board)
        # As on a computer that slept, the timers are reset only after they have expired.
        array.wired.front_end._heartbeat._every = 4 * WATCHDOG_S
        until = time.monotonic() + PATIENCE_S
        while not rest_of(array, board):
            assert time.monotonic() < until, "the watchdogs never expired"
            time.sleep(0.01)
        with pytest.raises(InterlockTripped, match="watchdogs of device pair have expired"):
            array.measure_forces(theta, [[1.0, -1.0]])
        # The last resort works on boards whose watchdogs have expired.
        assert rest_of(array, board)
        # The watchdogs are active again after resuming.
        assert all(watchdog.deadline for watchdog in twin.server.driver.watchdogs.values())
        array.measure_forces(theta, [[1.0, -1.0]])
        array.close()
        assert rest_of(array, board)
    finally:
        twin.stop()
