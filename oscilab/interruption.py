"""Signals that stop a run: they raise an exception, except while outputs are ramped.

Python turns SIGINT into KeyboardInterrupt by itself. SIGTERM, and on Windows Ctrl-Break, end a
process at once, before anything is safe; inside `terminations_raise` they raise `Terminated`
instead. There a second signal soon after the first counts as the same request, and does not
interrupt what the first one started.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any] | int
SAME_REQUEST_S = 1.0
"""Signals within this time of one that raised count as the same request."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C.

    A subclass, because after a plain KeyboardInterrupt that passed through `exec`, as imports do,
    `python -m` ends by SIGINT whatever exit code was asked for.
    """


class Terminated(KeyboardInterrupt):
    """SIGTERM or Ctrl-Break: a request to end this process."""

    exit_code = 143


class MadeSafe(KeyboardInterrupt):
    """An operator stopped the run: outputs are at their safe values."""


def _terminations() -> list[signal.Signals]:
    return [signal.Signals[name] for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name)]


def _handlers(numbers: list[signal.Signals]) -> dict[signal.Signals, Handler]:
    """Return the handlers of the signals, without those that were not installed from Python."""
    found = {number: signal.getsignal(number) for number in numbers}
    return {number: handler for number, handler in found.items() if handler is not None}


def _install(handlers: Mapping[signal.Signals, Handler]) -> None:
    """Install all `handlers`, also where a signal comes between two of them and raises."""
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    except BaseException:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        raise


class _Raising:
    """A handler that raises, once for signals that come close together.

    Where `deferring` is set, it only keeps signals, in `deferred`.
    """

    deferring = False

    def __init__(self) -> None:
        self.deferred: list[int] = []
        self._last = -math.inf

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.deferring:
            self.deferred.append(number)
            return
        now = time.monotonic()
        if now - self._last < SAME_REQUEST_S:
            return
        self._last = now
        if number == signal.SIGINT:
            raise Interrupted
        raise Terminated(f"stopped by {signal.Signals(number).name}")


@contextmanager
def terminations_raise() -> Generator[None]:
    """Let SIGTERM raise `Terminated` in the main thread, and SIGINT `Interrupted`, in this context.

    Other threads cannot receive signals: there this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _handlers(_terminations())
    # A process that was started to ignore Ctrl-C, such as by nohup, continues to ignore it.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        before |= _handlers([signal.SIGINT])
    raising = _Raising()
    try:
        _install(dict.fromkeys(before, raising))
        yield
    finally:
        # The first statement: Python runs signal handlers only at calls, and none comes before.
        raising.deferring = True
        _install(before)
    if raising.deferred:
        signal.raise_signal(raising.deferred[0])


@contextmanager
def signals_held() -> Generator[None]:
    """Defer signals in this context, and deliver the first one at its end.

    So neither a first nor a second Ctrl-C cancels a ramp to safe values.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # If an interrupt is already being handled, a further signal must not change the reason.
    leaving = isinstance(sys.exception(), KeyboardInterrupt)
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    numbers = [signal.SIGINT, *_terminations()]
    before = _handlers(numbers)
    try:
        _install(dict.fromkeys(before, note))
        yield
    finally:
        _install(before)
    if came and not leaving:
        signal.raise_signal(came[0])
