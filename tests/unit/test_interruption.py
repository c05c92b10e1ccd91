import signal
import sys

import pytest

from oscilab.interruption import Terminated, signals_held, terminations_raise


def test_sigterm_raises_within_and_not_after():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated, match="SIGTERM"), terminations_raise():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


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
