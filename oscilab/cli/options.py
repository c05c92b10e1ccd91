"""Options shared by commands, and parsers of their values."""

from __future__ import annotations

import inspect
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

import typer

from oscilab.errors import InvalidInput

Options = TypeVar("Options")

BenchOption = Annotated[
    str | None, typer.Option("--bench", metavar="NAME|PATH", help="The bench file.")
]
SimulateOption = Annotated[
    bool, typer.Option("--simulate", help="Use the device's twin in place of its hardware.")
]


def command_of(run: Callable[[Options], None], kind: type[Options]) -> Callable[..., None]:
    """Return `run` as a command whose options are the fields of the dataclass `kind`."""

    def command(**given: Any) -> None:
        run(kind(**given))

    command.__doc__ = run.__doc__
    command.__name__ = run.__name__
    # typer reads the options from the signature.
    command.__signature__ = inspect.signature(kind, eval_str=True)  # pyright: ignore[reportFunctionMemberAccess]
    return command


def whole(metavar: str, least: int, help_line: str, *names: str) -> Any:
    """Return an option that takes a whole number of `least` or more."""

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
    """Return an option that takes a finite number of `least` or more."""

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


KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def overrides(flags: Mapping[str, object], settings: Iterable[str]) -> dict[str, object]:
    """Return the flags that were given (not None) and the `settings`, each `key=value`.

    Raises:
        InvalidInput: a setting has no key or no value, or is given twice.
    """
    found = {key: value for key, value in flags.items() if value is not None}
    for setting in settings:
        key, value = parse_setting(setting)
        if key in found:
            raise InvalidInput(
                f"{key} is set twice, to {found[key]!r} and to {value!r}; give it once"
            )
        found[key] = value
    return found


def parse_setting(setting: str) -> tuple[str, object]:
    """Split `key=value` into the key and the value, parsed as TOML or else a bare string.

    For example `optimiser.rate=0.05` is ("optimiser.rate", 0.05), `rule=cd1` is ("rule", "cd1").

    Raises:
        InvalidInput: the setting is not of that form.
    """
    key, equals, text = setting.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not KEY.fullmatch(key):
        raise InvalidInput(
            f"--set {setting!r} is not of the form key=value; write for example --set batch=512"
        )
    if not text:
        raise InvalidInput(f"--set {setting!r} has no value; write for example --set {key}=1")
    return key, _value(text)


def _value(text: str) -> object:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    # A line break in the text could add further keys.
    return table["value"] if len(table) == 1 else text
