import signal
import subprocess
import sys

import pytest

from oscilab.interruption import Interrupted, Terminated, signals_held, terminations_raise


def test_sigterm_raises_within_and_not_after():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated, match="SIGTERM"), terminations_raise():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("first", "expected"), [("SIGTERM", Terminated), ("SIGINT", Interrupted)])
def test_a_second_signal_does_not_interrupt_what_the_first_set_off(first, expected):
    left = []

    def run():
        try:
            signal.raise_signal(signal.Signals[first])
        finally:
            # Before the ramp, hence before signals are held.
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            left.append(True)

    with pytest.raises(expected) as caught, terminations_raise():
        run()
    assert type(caught.value) is expected
    assert left


def test_a_signal_long_after_a_swallowed_one_raises(monkeypatch):
    monkeypatch.setattr("oscilab.interruption.SAME_REQUEST_S", 0.0)
    with terminations_raise():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)


def test_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with terminations_raise():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_held_signals_come_at_the_end():
    done = []

    def ramp():
        with signals_held():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        ramp()
    assert done


def test_on_the_way_out_a_further_signal_changes_nothing():
    def run():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            assert isinstance(sys.exception(), Terminated)
            with signals_held():
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(Terminated), terminations_raise():
        run()


IN_EXEC = """
import signal, sys
from oscilab.interruption import terminations_raise
try:
    with terminations_raise():
        exec("signal.raise_signal(signal.SIGINT)")
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_within_exec_leaves_the_exit_code_as_it_is(tmp_path):
    # As in the import of many packages: `python -m` ends by SIGINT after a plain KeyboardInterrupt.
    (tmp_path / "stopped.py").write_text(IN_EXEC)
    command = [sys.executable, "-m", "stopped"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 130
