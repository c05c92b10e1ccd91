"""Stopping a drive from a second thread: whatever plays, outputs go to their safe values."""

import threading
import time

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.arrays import Supervised
from oscilab.errors import InterlockTripped
from oscilab.interruption import MadeSafe

DOOR = {"door": {"channel": "di0", "level": 1}}
LONG = 3000.0
"""Array time of a relaxation that nobody waits for: 30 s at the design's time scale."""
BEFORE_ITS_END_S = 20.0
RAMP_S = 0.2
SLOW = {
    "outputs": {"range": [-10.0, 10.0], "slew": 10.0 / RAMP_S, "safe": 0.5},
    "clamp_enable": {"safe": True},
}


def in_real_time(**changes):
    return opened(pair(connection={"pace": 1.0}, **changes))


def theta_of(array):
    return array.description.potential.vector(stiffness=2.0)


def stop_when(array, moved):
    """A thread that stops `array` once `moved()`; it keeps when it asked and when that was done."""
    times = {}

    def wait_and_stop():
        while not moved():
            time.sleep(0.001)
        times["asked"] = time.monotonic()
        array.stop(MadeSafe("enough"))
        times["done"] = time.monotonic()

    thread = threading.Thread(target=wait_and_stop, daemon=True)
    thread.start()
    return thread, times


def assert_safe_and_gentle(array):
    board, limits = array.wired.front_end.board, array.drive.limits
    np.testing.assert_array_equal(board.levels[limits.wired], limits.safe[limits.wired])
    assert (board.fastest[limits.wired] <= limits.slew[limits.wired] * (1 + 1e-6)).all()
    assert array.condition().is_safe


@pytest.mark.parametrize("interlocks", [{}, DOOR])
def test_during_a_waveform(interlocks):
    array = in_real_time(interlocks=interlocks, limits=SLOW)
    board = array.wired.front_end.board
    clamps = array.lines.clamps
    thread, times = stop_when(array, lambda: (board.levels[clamps] > 0.6).all())
    with pytest.raises(MadeSafe, match="enough"):
        array.relax(theta_of(array), np.ones((1, 2)), LONG)
    thread.join(BEFORE_ITS_END_S)
    assert times["done"] - times["asked"] < BEFORE_ITS_END_S
    assert_safe_and_gentle(array)
    # Nothing drives afterwards.
    writes = board.writes
    with pytest.raises(MadeSafe, match="enough"):
        array.measure_forces(theta_of(array), np.ones((1, 2)))
    assert board.writes == writes
    array.close()


def test_during_the_ramp_to_a_set_point():
    array = in_real_time(limits={**SLOW, "outputs": {**SLOW["outputs"], "slew": 0.5}})
    board = array.wired.front_end.board
    thread, _ = stop_when(array, lambda: board.levels.any())
    with pytest.raises(MadeSafe, match="enough"):
        array.hold(theta_of(array), np.full(2, 5.0))
    thread.join(BEFORE_ITS_END_S)
    assert_safe_and_gentle(array)
    array.close()


def test_while_nothing_plays():
    """The thread that drives may be busy with something else for long."""
    array = in_real_time(limits=SLOW)
    array.hold(theta_of(array), np.ones(2))
    assert not array.condition().is_safe
    thread = threading.Thread(target=array.stop, args=(MadeSafe("enough"),))
    thread.start()
    thread.join(BEFORE_ITS_END_S)
    assert_safe_and_gentle(array)
    with pytest.raises(MadeSafe):
        array.hold(theta_of(array), np.ones(2))
    assert_safe_and_gentle(array)
    array.close()


def test_a_second_wish_does_not_cut_the_ramp_short():
    array = in_real_time(limits=SLOW)
    array.hold(theta_of(array), np.ones(2))
    threads = [threading.Thread(target=array.stop, args=(MadeSafe("enough"),)) for _ in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join(BEFORE_ITS_END_S)
    assert_safe_and_gentle(array)
    array.close()


def test_before_anything_was_driven():
    array = opened(pair())
    array.stop(MadeSafe("enough"))
    assert array.wired.front_end.board.writes == 0
    with pytest.raises(MadeSafe):
        array.measure_forces(theta_of(array), np.ones((1, 2)))
    assert array.wired.front_end.board.writes == 0
    array.close()


def test_interlocks_are_looked_at_while_outputs_are_held():
    array = opened(pair(interlocks=DOOR))
    assert isinstance(array, Supervised)
    array.hold(theta_of(array), np.ones(2))
    array.look()
    array.wired.front_end.board.outside["di0"].volts = 0.0

    def look_on():
        deadline = time.monotonic() + BEFORE_ITS_END_S
        while time.monotonic() < deadline:
            array.look()
            time.sleep(0.01)

    with pytest.raises(InterlockTripped, match="door"):
        look_on()
    assert array.condition().is_safe
    array.close()


def test_the_condition_names_the_output_nearest_to_a_limit():
    array = opened(pair(interlocks=DOOR))
    before = array.condition()
    assert before.nearest == ""
    assert before.interlocks[0].reads is None
    array.hold(theta_of(array), np.array([0.0, 3.0]))
    now = array.condition()
    levels = array.wired.front_end.board.levels
    analog = np.flatnonzero(np.isfinite(array.drive.limits.slew))
    largest = analog[np.argmax(np.abs(levels[analog]))]
    assert now.nearest == array.wired.front_end.channels.outputs[largest].name
    assert now.volts == levels[largest]
    assert (now.lower, now.upper) == (-10.0, 10.0)
    assert now.interlocks[0].name == "door"
    assert now.interlocks[0].satisfied
    array.close()
