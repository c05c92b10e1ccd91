"""Points that are quick to measure, and some that fail or kill their process."""

from __future__ import annotations

import os
from pathlib import Path

from oscilab.errors import CannotDo


def square(folder: Path, number: int) -> dict[str, float]:
    (folder / "run.txt").write_text(str(number))
    (folder / "scratch").write_text("not kept")
    return {"square": number * number}


def count(folder: Path, number: int, log: str) -> dict[str, float]:
    """Append a line to `log` for every measurement."""
    with Path(log).open("a") as file:
        file.write(f"{number}\n")
    return {"number": number}


def fail(folder: Path, number: int, log: str, at: int) -> dict[str, float]:
    if number == at:
        raise KeyboardInterrupt
    return count(folder, number, log)


def die_once(folder: Path, number: int, log: str, at: int) -> dict[str, float]:
    """Kill the process at the first measurement of number `at`."""
    found = count(folder, number, log)
    marker = Path(log).with_suffix(".died")
    if number == at and not marker.exists():
        marker.touch()
        os._exit(9)
    return found


def die(folder: Path, number: int) -> dict[str, float]:
    os._exit(9)


def refuse(folder: Path) -> dict[str, float]:
    raise CannotDo("no")
