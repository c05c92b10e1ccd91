"""A signal at every moment at which Python may answer one, from the last drive to the end."""

import signal
import sys

import numpy as np
import pytest
from wired_benches import pair

from oscilab.interruption import terminations_raise
from oscilab.wired.operate import driven_array

LIMITS = {
    "outputs": {"range": [-10.0, 10.0], "slew": 1e6, "safe": 0.5},
    "clamp_enable": {"safe": True},
}
HANDLED = (signal.SIGINT, signal.SIGTERM)


class Moments:
    """Counts the moments, and sends a signal at number `at`.

    Python answers signals as a function begins and after a call, which are what a profiler sees.
    Frames of threads, of the libraries and of this test are left out.
    """

    def __init__(self, at):
        self.at, self.count, self.where = at, 0, None

    def __call__(self, frame, event, arg):
        name, caller = frame.f_code.co_filename, frame.f_back
        within = "oscilab" in name or (
            name.endswith("contextlib.py") and caller and "oscilab" in caller.f_code.co_filename
        )
        if event == "c_call" or not within or name == __file__:
            return
        self.count += 1
        if self.count == self.at:
            self.where = f"{name}:{frame.f_lineno} {event}"
            signal.raise_signal(signal.SIGINT)


def drive_and_leave(moments):
    """Outputs are up as the moments begin to count; returns the board."""
    with terminations_raise(), driven_array(pair(limits=LIMITS)) as array:
        board = array.wired.front_end.board
        try:
            array.hold(array.description.potential.vector(stiffness=2.0), np.array([1.0, -1.0]))
            assert board.levels[array.lines.clamps[0]] != 0.5
            BOARDS[:] = [board]
            sys.setprofile(moments)
        finally:
            array.make_safe()


BOARDS = []


def interrupted(at):
    """Where the signal came, or None where nothing was left to interrupt."""
    moments = Moments(at)
    before = [signal.getsignal(number) for number in HANDLED]
    try:
        drive_and_leave(moments)
    except KeyboardInterrupt:
        assert moments.where
    finally:
        sys.setprofile(None)
    assert BOARDS[0].levels.tolist() == [0.5] * 9 + [1.0], moments.where
    assert [signal.getsignal(number) for number in HANDLED] == before, moments.where
    return moments.where


@pytest.mark.parametrize("at", [1, 2, 5, 8, 11, 14])
def test_outputs_end_safe_whenever_the_signal_comes(at):
    assert interrupted(at)


@pytest.mark.slow
def test_outputs_end_safe_at_every_single_moment():
    at = 1
    while interrupted(at):
        at += 1
    assert at > 60
