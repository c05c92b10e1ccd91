"""Numbers on the command line, refused with the value that was given."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import typer


def whole(metavar: str, least: int, help_line: str, *names: str) -> Any:
    """An option that takes a whole number of `least` or more."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a whole number") from None
        if number < least:
            raise typer.BadParameter(f"{number} is below {least}, the least it can be")
        return number

    return _option(parse, metavar, help_line, names)


def real(metavar: str, least: float, help_line: str, *names: str) -> Any:
    """An option that takes a finite number of `least` or more."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a number") from None
        if not math.isfinite(number) or number < least:
            raise typer.BadParameter(f"{number} is not a finite number of {least:g} or more")
        return number

    return _option(parse, metavar, help_line, names)


def _option(
    parse: Callable[[str], float], metavar: str, help_line: str, names: tuple[str, ...]
) -> Any:
    return typer.Option(*names, parser=parse, metavar=metavar, help=help_line)
