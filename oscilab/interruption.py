"""Signals that stop a run: raised where they find it, and held back while outputs are ramped.

Python turns SIGINT into KeyboardInterrupt by itself. SIGTERM, and on Windows Ctrl-Break, end a
process at once, without a chance to make anything safe; inside `terminations_raise` they become
`Terminated` instead.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to end, by SIGTERM or Ctrl-Break."""

    exit_code = 143


def _terminations() -> list[signal.Signals]:
    return [signal.Signals[name] for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name)]


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated(f"stopped by {signal.Signals(number).name}")


@contextmanager
def terminations_raise() -> Generator[None]:
    """Within it, SIGTERM raises `Terminated` in the main thread.

    Other threads cannot receive signals, and there this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _terminations()}
    for number in before:
        signal.signal(number, _raise_terminated)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_held() -> Generator[None]:
    """Within it no signal interrupts; the first that came is delivered at the end.

    So neither a first nor a second Ctrl-C cancels a ramp to safe values.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # On the way out already: a further signal has nothing to add, and must not change the reason.
    leaving = isinstance(sys.exception(), KeyboardInterrupt)
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    numbers = [signal.SIGINT, *_terminations()]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came and not leaving:
        signal.raise_signal(came[0])
