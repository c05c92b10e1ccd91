"""A second thread that stops a drive at the worst of moments."""

import threading
import time

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.errors import InterlockTripped
from oscilab.interruption import MadeSafe

DOOR = {"door": {"channel": "di0", "level": 1}}
LONG = 3000.0
"""Array time of a relaxation that nobody waits for: 30 s at the design's time scale."""
BEFORE_ITS_END_S = 20.0
HOST_PLAYED = {
    "hardware_timed": False, "output_readback": False, "update_s": 1e-3, "max_rate_hz": 1e3,
}  # fmt: skip
SLEW = 1e3
SLOW = {
    "outputs": {"range": [-10.0, 10.0], "slew": SLEW, "safe": 0.5},
    "clamp_enable": {"safe": True},
}


def theta_of(array):
    return array.description.potential.vector(stiffness=2.0)


def look_on(array):
    while True:
        array.look()


def test_a_stop_just_before_a_waveform_begins_is_not_lost(monkeypatch):
    array = opened(pair(connection={"pace": 1.0}))
    theta = theta_of(array)
    array.measure_forces(theta, [[1.0, 0.0]])
    front_end = array.wired.front_end
    begun, asked = threading.Event(), threading.Event()
    abort, busy = front_end.abort, front_end._busy

    def slow_to_begin():
        # A driver forgets an earlier abort as a waveform begins.
        begun.set()
        asked.wait(BEFORE_ITS_END_S)
        return busy()

    def aborted():
        abort()
        asked.set()

    monkeypatch.setattr(front_end, "_busy", slow_to_begin)
    monkeypatch.setattr(front_end, "abort", aborted)

    def stop():
        begun.wait(BEFORE_ITS_END_S)
        array.stop(MadeSafe("enough"))

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    began = time.monotonic()
    with pytest.raises(MadeSafe):
        array.relax(theta, np.ones((1, 2)), LONG)
    assert time.monotonic() - began < BEFORE_ITS_END_S
    thread.join()
    assert array.condition().is_safe


def test_a_trip_that_is_told_while_it_is_found_does_not_stop_what_comes_after(monkeypatch):
    array = opened(pair(connection={"pace": 1.0}, interlocks=DOOR))
    theta, board = theta_of(array), array.wired.front_end.board
    array.measure_forces(theta, [[1.0, 0.0]])
    stop, told = array.drive.front_end.stop, threading.Event()

    def slow_to_stop():
        told.wait(0.2)
        stop()

    monkeypatch.setattr(array.drive.front_end, "stop", slow_to_stop)
    board.outside["di0"].volts = 0.0
    watching = next(t for t in threading.enumerate() if t.name == "interlocks")
    with pytest.raises(InterlockTripped):
        look_on(array)
    told.set()
    watching.join()
    board.outside["di0"].volts = 1.0
    # Resumed explicitly: nothing of the trip is left.
    array.measure_forces(theta, [[1.0, 0.0]])
    array.close()


@pytest.mark.parametrize("trips_at", [0.10, 0.15, 0.19])
def test_what_the_host_plays_itself_is_ramped_from_where_it_stopped(trips_at):
    array = opened(
        pair(
            limits=SLOW, connection=HOST_PLAYED, interlocks=DOOR,
            settings={"start": "assume-safe", "settle_s": 0.02},
        )
    )  # fmt: skip
    front_end, board = array.wired.front_end, array.wired.front_end.board
    board.levels[:] = array.drive.limits.safe
    board.outside["di0"].events = [(trips_at, 0.0)]
    levels = [board.levels.copy()]
    put = front_end.set_outputs

    def noted(volts):
        levels.append(volts.copy())
        put(volts)

    front_end.set_outputs = noted
    points = np.tile([[5.0, -5.0], [-5.0, 5.0]], (10, 1))
    with pytest.raises(InterlockTripped):
        array.measure_forces(theta_of(array), points)
    steps = np.abs(np.diff(levels, axis=0))[:, :-1]
    assert len(steps) > 50
    assert steps.max() <= SLEW * HOST_PLAYED["update_s"] * (1 + 1e-9)
    assert array.condition().is_safe
