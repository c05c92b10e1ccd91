"""TOML files as checked tables, and mistakes in them as sentences for their authors."""

from __future__ import annotations

import hashlib
import json
import reprlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from oscilab.errors import InvalidInput
from oscilab.plugins import choices

Model = TypeVar("Model", bound=BaseModel)


class Table(BaseModel):
    """One TOML table: unknown keys are refused with the known ones, values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: object) -> object:
        # Before pydantic's own check, whose error does not list the known keys.
        known = _keys_of(cls)
        for key in _children(values):
            if key not in known:
                raise PydanticCustomError(
                    "unknown_key", "{choices}", {"key": key, "choices": choices(str(key), known)}
                )
        return values


@dataclass(frozen=True)
class TomlFile:
    """A TOML file as it was read, with the hash of its bytes."""

    path: Path
    sha256: str
    values: dict[str, Any]


def read_toml(path: Path, what: str) -> TomlFile:
    """Read `path`, which is a `what` such as "bench file".

    Raises:
        InvalidInput: it cannot be read, or is not TOML; the message gives line and column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{what} {path} cannot be read: {error.strerror or error}; check its path"
        ) from error
    try:
        # Editors on Windows often write a byte order mark, which TOML does not allow.
        values = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidInput(f"{what} {path}, line {line}: not UTF-8; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(
            f"{what} {path} is not valid TOML: {error}; correct that line"
        ) from error
    return TomlFile(path, hashlib.sha256(content).hexdigest(), values)


def validated(
    model: type[Model], values: Mapping[str, Any], where: str, prefix: Sequence[str] = ()
) -> Model:
    """Return `values` as a `model`; they come from `where`, a file or table, below keys `prefix`.

    Raises:
        InvalidInput: one sentence on the first mistake: file, key path, value and remedy.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = _problem(first, model, values, prefix)
        raise InvalidInput(f"{where}: {problem}") from error


def _problem(
    error: ErrorDetails, model: type[BaseModel], values: Mapping[str, Any], prefix: Sequence[str]
) -> str:
    kind, location, value = error["type"], error["loc"], error["input"]
    context = error.get("ctx", {})
    if kind == "unknown_key":
        location = (*location, context["key"])
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        location = (*location, context["discriminator"].strip("'"))
    missing = kind in ("missing", "union_tag_not_found")
    path = key_path([*prefix, *_keys_in(location, values, keep_last=missing)])
    if missing:
        return f"{path} is missing; add it"
    if kind == "unknown_key":
        return f"unknown key {path}; {context['choices']}"
    if kind == "extra_forbidden":
        remedy = choices(str(location[0]), _keys_of(model)) if len(location) == 1 else "remove it"
        return f"unknown key {path}; {remedy}"
    if kind == "value_error":
        return f"{path}: {context['error']}"
    if kind == "union_tag_invalid":
        return f"{path} is {context['tag']!r}, but must be one of {context['expected_tags']}"
    return f"{path} is {reprlib.repr(value)}, but {_demand(kind, error['msg'])}"


def _demand(kind: str, message: str) -> str:
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "must be a table"
    # Of "Input should be a valid number, unable to parse string as a number" half is enough.
    message = message.replace("Input should", "must").partition(", unable")[0]
    message = message.replace("a valid integer", "an integer").replace("a valid ", "a ")
    return message[0].lower() + message[1:]


def key_path(keys: Sequence[str | int]) -> str:
    """Return `keys` as TOML writes them, such as `devices.daq0.terms[1]`."""
    path = ""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            bare = key.replace("-", "").replace("_", "").isalnum() and key.isascii()
            path += ("." if path else "") + (key if bare else json.dumps(key, ensure_ascii=False))
    return path or "the file"


def _keys_in(location: tuple[int | str, ...], values: object, keep_last: bool) -> list[int | str]:
    # pydantic adds the branch of a union to its location; the file has no such key.
    keys: list[int | str] = []
    for part in location:
        children = _children(values)
        if part in children:
            values = children[part]
            keys.append(part)
    if keep_last:
        keys.append(location[-1])
    return keys


def _children(values: object) -> Mapping[int | str, object]:
    if isinstance(values, Mapping):
        return cast(Mapping[int | str, object], values)
    if isinstance(values, list):
        return dict(enumerate(cast(list[object], values)))
    return {}


def _keys_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
