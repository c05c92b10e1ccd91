"""Pausing a run between batches."""

import threading

import pytest

from oscilab.interruption import MadeSafe
from oscilab.live.control import Gate

LONG_S = 30.0


class Runner:
    """Passes the gate repeatedly in a separate thread."""

    def __init__(self, gate):
        self.gate = gate
        self.passed = 0
        self.looks = 0
        self.error = None
        self.moved = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.gate.passing(self.look)
                with self.moved:
                    self.passed += 1
                    self.moved.notify_all()
        except (MadeSafe, ZeroDivisionError) as error:
            self.error = error
        with self.moved:
            self.moved.notify_all()

    def look(self):
        with self.moved:
            self.looks += 1
            self.moved.notify_all()

    def until(self, condition):
        with self.moved:
            assert self.moved.wait_for(condition, LONG_S)


def test_it_is_paused_and_continued():
    gate = Gate()
    runner = Runner(gate)
    runner.until(lambda: runner.passed > 3)
    assert gate.state == "running"
    gate.pause()
    runner.until(lambda: runner.looks > 0)
    assert gate.state == "paused"
    held = runner.passed
    runner.until(lambda: runner.looks > 3)
    assert runner.passed == held
    gate.resume()
    runner.until(lambda: runner.passed > held)
    assert gate.state == "running"
    assert gate.held_s > 0
    gate.stop("enough")
    runner.thread.join(LONG_S)
    assert isinstance(runner.error, MadeSafe)


def test_a_pause_is_pausing_until_the_batch_has_ended():
    gate = Gate()
    gate.pause()
    assert gate.state == "pausing"


def test_a_stop_ends_a_run_that_is_held():
    gate = Gate()
    gate.pause()
    runner = Runner(gate)
    runner.until(lambda: runner.looks > 0)
    gate.stop("because")
    runner.thread.join(LONG_S)
    assert str(runner.error) == "because"
    assert runner.passed == 0
    with pytest.raises(MadeSafe, match="because"):
        gate.passing(lambda: None)


def test_what_is_seen_while_held_ends_the_run():
    gate = Gate()
    gate.pause()

    def look():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gate.passing(look)
