"""Progress on stderr: a bar on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TextIO

from rich import progress as rich_progress
from rich.text import Text

from oscilab.cli.output import console, print_rows
from oscilab.progress import Progress

INTERVAL = 5.0
"""Seconds between two lines where stderr is not a terminal."""
REFRESHES = 4
"""Redraws of the bar per second; more would only slow down the work."""


def watcher() -> Progress:
    """Return a bar if stderr is a terminal, lines otherwise."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return Bar(sys.stderr)
    return Lines(sys.stderr)


class Lines:
    """Plain lines: at most one every `interval` seconds for each task, and a last one."""

    def __init__(
        self,
        stream: TextIO,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console(stream)
        self._interval = interval
        self._clock = clock

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Print the title and its rows."""
        print_rows(title, rows, self._console)

    def note(self, sentence: str) -> None:
        """Print the sentence on a separate line."""
        self._print(f"note: {sentence}")

    @contextmanager
    def task(self, description: str, total: int, done: int = 0) -> Generator[_LineTask]:
        """Yield a task that prints lines such as `training 20/480, loss 0.31, 95/s, 5 s left`."""
        task = _LineTask(description, total, done, self._print, self._interval, self._clock)
        try:
            yield task
        finally:
            task.finish()

    def _print(self, line: str) -> None:
        self._console.print(Text(line))


class _LineTask:
    def __init__(
        self,
        description: str,
        total: int,
        done: int,
        write: Callable[[str], None],
        interval: float,
        clock: Callable[[], float],
    ) -> None:
        self._description, self._total = description, total
        self._write, self._interval, self._clock = write, interval, clock
        self._done = self._before = done
        self._written: int | None = None
        self._figures: Mapping[str, float] = {}
        self._started = self._last = clock()

    def advance(self, n: int = 1, **figures: float) -> None:
        """Count, and print if the last line is old enough."""
        self._done += n
        self._figures = {**self._figures, **figures}
        if self._clock() - self._last >= self._interval:
            self._line()

    def finish(self) -> None:
        """Print the end of the task, unless the last line did."""
        if self._written != self._done:
            self._line()

    def _line(self) -> None:
        self._last, self._written = self._clock(), self._done
        elapsed = self._last - self._started
        parts = [f"{self._description} {self._done}/{self._total}", *figure_texts(self._figures)]
        if self._done > self._before and elapsed > 0:
            rate = (self._done - self._before) / elapsed
            parts += [rate_text(rate), time_text((self._total - self._done) / rate, elapsed)]
        self._write(", ".join(parts))


class Bar:
    """A bar with figures, rate and time left, redrawn in place."""

    def __init__(self, stream: TextIO) -> None:
        self._console = console(stream)

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Print the title and its rows."""
        print_rows(title, rows, self._console)

    def note(self, sentence: str) -> None:
        """Print the sentence, above the bar if there is one."""
        self._console.print(Text(f"note: {sentence}", style="yellow"))

    @contextmanager
    def task(self, description: str, total: int, done: int = 0) -> Generator[_BarTask]:
        """Yield a bar that stays on the screen when it is complete."""
        columns = (
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(bar_width=20),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("{task.fields[figures]}", markup=False),
            _RateColumn(),
            _TimeColumn(),
        )
        with rich_progress.Progress(
            *columns, console=self._console, refresh_per_second=REFRESHES
        ) as bar:
            number = bar.add_task(description, total=total, completed=done, figures="")
            yield _BarTask(bar, number)


class _BarTask:
    def __init__(self, bar: rich_progress.Progress, number: rich_progress.TaskID) -> None:
        self._bar, self._number = bar, number
        self._figures: Mapping[str, float] = {}

    def advance(self, n: int = 1, **figures: float) -> None:
        """Move the bar and show the figures."""
        self._figures = {**self._figures, **figures}
        shown = ", ".join(figure_texts(self._figures))
        self._bar.update(self._number, advance=n, figures=shown)


class _RateColumn(rich_progress.ProgressColumn):
    def render(self, task: rich_progress.Task) -> Text:
        """Return the steps per second, once known."""
        speed = task.finished_speed or task.speed
        return Text(rate_text(speed) if speed else "", style="progress.data.speed")


class _TimeColumn(rich_progress.ProgressColumn):
    # Seconds between changes, so that the time can be read.
    max_refresh = 0.5

    def render(self, task: rich_progress.Task) -> Text:
        """Return the time left, once known, or the time taken."""
        left = 0.0 if task.finished else task.time_remaining
        shown = "" if left is None else time_text(left, task.elapsed or 0.0)
        return Text(shown, style="progress.remaining")


def figure_texts(figures: Mapping[str, float]) -> list[str]:
    """Return texts such as `loss 0.3127`."""
    return [f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items()]


def rate_text(rate: float) -> str:
    """Return a text such as `95/s`, or `12/min` for slow work."""
    return f"{rate:.3g}/s" if rate >= 1 else f"{60 * rate:.3g}/min"


def time_text(left: float, elapsed: float) -> str:
    """Return `0:00:07 left`, or `took 12.0 s` if `left` is 0; both arguments in seconds."""
    return f"{timedelta(seconds=math.ceil(left))} left" if left > 0 else f"took {elapsed:.1f} s"
