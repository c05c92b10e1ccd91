"""The seam between long work and whoever watches it: a terminal, a notebook, nobody."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
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


class Together:
    """Several watch the same work."""

    def __init__(self, *watchers: Progress) -> None:
        self._watchers = watchers

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """To each of them."""
        for each in self._watchers:
            each.summary(title, rows)

    @contextmanager
    def task(self, description: str, total: int, done: int = 0) -> Generator[Task]:
        """A task of each of them."""
        with ExitStack() as stack:
            tasks = [each.task(description, total, done) for each in self._watchers]
            yield _Tasks([stack.enter_context(each) for each in tasks])

    def note(self, sentence: str) -> None:
        """To each of them."""
        for each in self._watchers:
            each.note(sentence)


class _Tasks:
    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks

    def advance(self, n: int = 1, **figures: float) -> None:
        """Each of them."""
        for each in self._tasks:
            each.advance(n, **figures)
