"""Single keys from a terminal, without waiting for them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def keys_pressed() -> Generator[Callable[[], list[str]]]:
        """What is pressed while the block lasts: a function that returns the keys since."""

        def pressed() -> list[str]:
            found: list[str] = []
            while msvcrt.kbhit():
                found.append(msvcrt.getwch())
            return found

        yield pressed

else:
    import select
    import termios
    import tty

    @contextmanager
    def keys_pressed() -> Generator[Callable[[], list[str]]]:
        """What is pressed while the block lasts: a function that returns the keys since."""
        if not sys.stdin.isatty():
            yield list[str]
            return
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)

        def pressed() -> list[str]:
            found: list[str] = []
            while select.select([descriptor], [], [], 0)[0]:
                key = sys.stdin.read(1)
                if not key:
                    break
                found.append(key)
            return found

        try:
            tty.setcbreak(descriptor)
            yield pressed
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
