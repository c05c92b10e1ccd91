"""The seam between long work and what shows its progress, such as a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work, counted in steps."""

    def advance(self, n: int = 1, **figures: float) -> None:
        """Count `n` more steps as done; `figures` are the latest numbers, such as `loss=0.31`."""
        ...


class Progress(Protocol):
    """What long work reports while it runs."""

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Show what will be done, or what was found, as `{"device": "sim", "slices": "24"}`."""
        ...

    def task(self, description: str, total: int, done: int = 0) -> AbstractContextManager[Task]:
        """Begin work of `total` steps, `done` of which are done already; it ends with the block."""
        ...

    def note(self, sentence: str) -> None:
        """Show a sentence for the user, such as "the device's box narrows 3 parameters"."""
        ...


class Quiet:
    """Progress that shows nothing."""

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Ignored."""

    @contextmanager
    def task(self, description: str, total: int, done: int = 0) -> Generator[Task]:
        """Begin a task that is not shown."""
        yield _Unwatched()

    def note(self, sentence: str) -> None:
        """Ignored."""


class _Unwatched:
    def advance(self, n: int = 1, **figures: float) -> None:
        """Ignored."""


class Together:
    """Progress that passes everything on to several others."""

    def __init__(self, *watchers: Progress) -> None:
        self._watchers = watchers

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Pass on to each of them."""
        for each in self._watchers:
            each.summary(title, rows)

    @contextmanager
    def task(self, description: str, total: int, done: int = 0) -> Generator[Task]:
        """Begin a task of each of them."""
        with ExitStack() as stack:
            tasks = [each.task(description, total, done) for each in self._watchers]
            yield _Tasks([stack.enter_context(each) for each in tasks])

    def note(self, sentence: str) -> None:
        """Pass on to each of them."""
        for each in self._watchers:
            each.note(sentence)


class _Tasks:
    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks

    def advance(self, n: int = 1, **figures: float) -> None:
        """Pass on to each of them."""
        for each in self._tasks:
            each.advance(n, **figures)
