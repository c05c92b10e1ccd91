"""The seam between long work and whoever watches it: a terminal, a notebook, nobody."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work, counted in steps."""

    def advance(self, n: int = 1, **figures: float) -> None:
        """`n` more steps are done; `figures` are the latest numbers, such as `loss=0.31`."""
        ...


class Progress(Protocol):
    """What long work tells about itself while it runs."""

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """What will be done, or what was found, such as `{"device": "sim", "slices": "24"}`."""
        ...

    def task(self, description: str, total: int, done: int = 0) -> AbstractContextManager[Task]:
        """Work of `total` steps begins, `done` of them done before; it ends with the block."""
        ...

    def note(self, sentence: str) -> None:
        """Something the user should know, such as "the device's box narrows 3 parameters"."""
        ...


class Quiet:
    """Watches and says nothing."""

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Ignored."""

    @contextmanager
    def task(self, description: str, total: int, done: int = 0) -> Generator[Task]:
        """A task that nobody watches."""
        yield _Unwatched()

    def note(self, sentence: str) -> None:
        """Ignored."""


class _Unwatched:
    def advance(self, n: int = 1, **figures: float) -> None:
        """Ignored."""
