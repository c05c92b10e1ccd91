"""`--set key=value`, and the flags that are short for it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping

from oscilab.errors import InvalidInput

KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def overrides(flags: Mapping[str, object], settings: Iterable[str]) -> dict[str, object]:
    """The flags that were given (not None) and the `settings`, each `key=value`.

    Raises:
        InvalidInput: a setting without a key or a value, or one that is given twice.
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
    """`key=value` as the key and the value that TOML reads, or else the bare string.

    For example `optimiser.rate=0.05` is ("optimiser.rate", 0.05), `rule=cd1` is ("rule", "cd1").

    Raises:
        InvalidInput: it is not of that form.
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
    # A line break in the text could have smuggled in further keys.
    return table["value"] if len(table) == 1 else text
