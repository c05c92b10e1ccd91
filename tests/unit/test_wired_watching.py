"""Interlocks while a waveform plays, seen by a second thread; times are the board's, generous."""

import threading
import time

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.errors import DeviceFailed, InterlockTripped, InvalidInput
from oscilab.wired import parts_of

DOOR = {"door": {"channel": "di0", "level": 1}}
BEAT = {"controller": {"channel": "di1", "beats_every_s": 0.5}}
LONG = 3000.0
"""Array time of a relaxation that nobody waits for: 30 s at the design's time scale."""
BEFORE_ITS_END_S = 20.0


def in_real_time(interlocks, **changes):
    connection = {"pace": 1.0, "beats": [{"channel": "di1", "every_s": 0.1}]}
    return opened(pair(interlocks=interlocks, connection=connection, **changes))


def theta_of(array):
    return array.description.potential.vector(stiffness=2.0)


def trip(array, outside, words):
    """Start a waveform that takes long, and see it stopped well before its end, outputs safe.

    `outside` changes the lines outside once the clamps have begun to move.
    """
    board = array.wired.front_end.board

    def wait_and_change():
        while not board.levels[array.lines.clamps].any():
            time.sleep(0.001)
        outside(board.outside)

    waiting = threading.Thread(target=wait_and_change, daemon=True)
    waiting.start()
    began = time.monotonic()
    with pytest.raises(InterlockTripped, match=words):
        array.relax(theta_of(array), np.ones((1, 2)), LONG)
    assert time.monotonic() - began < BEFORE_ITS_END_S
    waiting.join()
    assert board.levels.size == 10
    np.testing.assert_array_equal(board.levels, array.drive.limits.safe)
    assert (board.fastest <= array.drive.limits.slew * (1 + 1e-6)).all()
    return board


def open_door(outside):
    outside["di0"].volts = 0.0


def test_an_interlock_that_trips_stops_the_waveform_at_once():
    array = in_real_time(DOOR)
    board = trip(array, open_door, "interlock door on di0 reads 0")
    # It is a level: while it stands nothing starts, and nothing moves.
    writes = board.writes
    with pytest.raises(InterlockTripped, match="door"):
        array.measure_forces(theta_of(array), [[1.0, 0.0]])
    assert board.writes == writes
    board.outside["di0"].volts = 1.0
    array.measure_forces(theta_of(array), [[1.0, 0.0]])
    array.close()


def test_an_analog_line_over_its_bound_stops_it_too():
    array = in_real_time({"cooling": {"channel": "aux0", "below": 4.5}})

    def overheat(outside):
        outside["aux0"].volts = 5.0

    trip(array, overheat, "cooling on aux0 reads 5, but must be below 4.5 V")
    array.close()


def test_a_heartbeat_that_is_lost_stops_it():
    array = in_real_time(BEAT)

    def die(outside):
        outside["di1"].beats = (0.1, 0.0)

    trip(array, die, "interlock controller on di1 has not beaten for .* s, but must every 0.5 s")
    array.close()


def test_a_line_that_does_not_beat_refuses_the_start():
    array = in_real_time(BEAT)
    array.wired.front_end.board.outside["di1"].beats = None
    with pytest.raises(InterlockTripped, match="controller"):
        array.measure_forces(theta_of(array), [[1.0, 0.0]])
    assert array.wired.front_end.board.writes == 0
    array.close()


def test_a_trip_while_the_host_computes_brings_the_outputs_down_and_is_told_once():
    array = in_real_time(DOOR)
    board, safe = array.wired.front_end.board, array.drive.limits.safe
    array.measure_forces(theta_of(array), [[1.0, 0.5]])
    assert not np.array_equal(board.levels, safe)
    board.outside["di0"].volts = 0.0
    deadline = time.monotonic() + 60
    while not np.array_equal(board.levels, safe):
        assert time.monotonic() < deadline, "nobody brought the outputs down"
        time.sleep(0.01)
    # Even if it is well again, the run that it stopped does not go on by itself.
    board.outside["di0"].volts = 1.0
    with pytest.raises(InterlockTripped, match="door"):
        array.measure_forces(theta_of(array), [[1.0, 0.0]])
    array.measure_forces(theta_of(array), [[1.0, 0.0]])
    array.close()
    assert "interlocks" not in [thread.name for thread in threading.enumerate()]


def test_interlocks_that_can_no_longer_be_read_stop_it():
    array = in_real_time(DOOR)
    front_end = array.wired.front_end
    array.measure_forces(theta_of(array), [[1.0, 0.0]])
    front_end.close()
    with pytest.raises(DeviceFailed, match="is not connected"):
        array.measure_forces(theta_of(array), [[1.0, 0.0]])
    array.drive.release()


def test_a_ramp_is_stopped_as_a_waveform_is():
    """A ramp of a minute, stopped and turned back."""
    limits = {
        "outputs": {"range": [-10.0, 10.0], "slew": 0.05, "safe": 0.0},
        "clamp_enable": {"safe": True},
    }
    array = in_real_time(DOOR, limits=limits)
    trip(array, open_door, "door")
    array.close()


@pytest.mark.parametrize("untimed", [False, True])
def test_waveforms_that_the_host_plays_itself_are_stopped_between_their_steps(untimed):
    connection = {"events": [{"channel": "di0", "at_s": 0.3, "volts": 0.0}]}
    array = opened(pair(interlocks=DOOR, connection={**connection, "hardware_timed": not untimed}))
    with pytest.raises(InterlockTripped, match="door"):
        array.relax(theta_of(array), np.ones((1, 2)), LONG)
    board = array.wired.front_end.board
    # On a virtual clock, a waveform of the hardware's is looked at when it is over.
    assert (board.seconds < 1.0) == untimed
    np.testing.assert_array_equal(board.levels, array.drive.limits.safe)


def test_a_heartbeat_needs_ears():
    with pytest.raises(InvalidInput, match="controller is a heartbeat, but this front end cannot"):
        parts_of(pair(interlocks=BEAT))
    with pytest.raises(InvalidInput, match=r"beats_every_s is 0\.01"):
        parts_of(
            pair(
                interlocks={"controller": {"channel": "di1", "beats_every_s": 0.01}},
                connection={"pace": 1.0},
            )
        )
