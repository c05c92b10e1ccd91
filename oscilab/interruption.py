"""Signals that stop a run: raised where they find it, and held back while outputs are ramped.

Python turns SIGINT into KeyboardInterrupt by itself. SIGTERM, and on Windows Ctrl-Break, end a
process at once, without a chance to make anything safe; inside `terminations_raise` they become
`Terminated` instead. There a second signal close on the first is the same wish, and does not
interrupt what the first one set off.
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
ONE_WISH_S = 1.0
"""Signals that come within this time of one that raised are the same wish."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. Of a class of its own, since `python -m` ends by SIGINT, whatever its exit code,
    where a plain KeyboardInterrupt has passed through `exec`, as in many an import.
    """


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to end, by SIGTERM or Ctrl-Break."""

    exit_code = 143


class MadeSafe(KeyboardInterrupt):
    """An operator asked for the safe state: outputs are at their safe values, and the run ends."""


def _terminations() -> list[signal.Signals]:
    return [signal.Signals[name] for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name)]


def _handlers(numbers: list[signal.Signals]) -> dict[signal.Signals, Handler]:
    """What answers each of the signals, but for those that another language answers."""
    found = {number: signal.getsignal(number) for number in numbers}
    return {number: handler for number, handler in found.items() if handler is not None}


def _install(handlers: Mapping[signal.Signals, Handler]) -> None:
    """Let `handlers` answer, all of them: also where a signal comes between two and raises."""
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    except BaseException:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        raise


class _Raising:
    """A handler that raises, but once for signals that come together.

    While it `holds`, it only keeps in `held` what comes.
    """

    holds = False

    def __init__(self) -> None:
        self.held: list[int] = []
        self._last = -math.inf

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.holds:
            self.held.append(number)
            return
        now = time.monotonic()
        if now - self._last < ONE_WISH_S:
            return
        self._last = now
        if number == signal.SIGINT:
            raise Interrupted
        raise Terminated(f"stopped by {signal.Signals(number).name}")


@contextmanager
def terminations_raise() -> Generator[None]:
    """Within it, SIGTERM raises `Terminated` in the main thread, and SIGINT `Interrupted`.

    Other threads cannot receive signals, and there this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _handlers(_terminations())
    # A process that was started to ignore Ctrl-C, such as by nohup, goes on ignoring it.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        before |= _handlers([signal.SIGINT])
    raising = _Raising()
    try:
        _install(dict.fromkeys(before, raising))
        yield
    finally:
        # No call, in which a signal could be answered, comes before this.
        raising.holds = True
        _install(before)
    if raising.held:
        signal.raise_signal(raising.held[0])


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
    before = _handlers(numbers)
    try:
        _install(dict.fromkeys(before, note))
        yield
    finally:
        _install(before)
    if came and not leaving:
        signal.raise_signal(came[0])
