"""Packages beside the core, found by entry point and loaded when they are needed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TypeVar, cast

from oscilab.errors import InvalidInput, OscilabError

T = TypeVar("T")

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "oscilab.arrays": "array",
        "oscilab.front_ends": "front end",
        "oscilab.twins": "twin",
        "oscilab.experiments": "experiment",
        "oscilab.commands": "command",
        "oscilab.benches": "collection of example benches",
        "oscilab.terms": "term",
        "oscilab.rules": "rule",
        "oscilab.optimisers": "optimiser",
        "oscilab.encoders": "encoder",
        "oscilab.judges": "judge",
        "oscilab.instruments": "instrument",
    }
)
"""The groups, and what one entry of each is called."""

# Distributions whose name differs from that of their module.
DISTRIBUTIONS: Mapping[str, str] = MappingProxyType(
    {"serial": "pyserial", "sklearn": "scikit-learn", "visa": "pyvisa", "zmq": "pyzmq"}
)


def installed(group: str) -> dict[str, EntryPoint]:
    """Return the entries of one group by name, in alphabetical order; nothing is imported.

    Raises:
        OscilabError: two packages offer different entries under one name.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise OscilabError(
                f"two packages offer the {KINDS.get(group, group)} {entry.name!r}, as "
                f"{other.value} and as {entry.value}; uninstall one of them"
            )
    return found


def load(group: str, name: str) -> object:
    """Load the object behind the entry `name` of `group`.

    Raises:
        InvalidInput: no such entry; the message lists those that are installed.
        OscilabError: it is installed but cannot be imported; the message names what is missing.
    """
    entries = installed(group)
    if name not in entries:
        kind = KINDS.get(group, group)
        raise InvalidInput(f"unknown {kind} {name!r}; {choices(name, entries, 'installed')}")
    return load_entry(entries[name])


def known(group: str, own: Iterable[str]) -> list[str]:
    """Return the names of oscilab's `own` entries of `group`, then of installed ones."""
    return list(dict.fromkeys([*own, *installed(group)]))


def find(group: str, name: str, own: Mapping[str, T], kind: type[T]) -> T:
    """Return the entry `name` of `group`: of oscilab's `own`, or else of an installed package.

    `kind` is a class or protocol; an installed object that lacks one of its members is refused.

    Raises:
        InvalidInput: no such entry; the message lists those that exist.
        OscilabError: it is installed but cannot be imported, or lacks something.
    """
    if name in own:
        return own[name]
    entries, word = installed(group), KINDS[group]
    if name not in entries:
        names = known(group, own)
        raise InvalidInput(
            f"unknown {word} {name!r}; the {word}s are {', '.join(names)}{_closest(name, names)}"
        )
    found = load_entry(entries[name])
    lacking = [part for part in _parts(kind) if not hasattr(found, part)]
    if lacking:
        raise OscilabError(
            f"the {word} {name!r} of the package {_owner(entries[name])} is {found!r}, which lacks "
            f"{', '.join(lacking)}; correct that package"
        )
    return cast(T, found)


def _parts(kind: type) -> list[str]:
    # The members that a protocol declares itself: methods, properties, annotations.
    names = [*vars(kind).get("__annotations__", {}), *vars(kind)]
    return sorted({name for name in names if not name.startswith("_") or name == "__call__"})


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.module.partition(".")[0]


def load_entry(entry: EntryPoint) -> object:
    """Load the object behind `entry`.

    Raises:
        OscilabError: it cannot be imported; the message names what is missing.
    """
    try:
        return entry.load()
    except (ImportError, AttributeError, OSError, SyntaxError) as error:
        # OSError: a vendor's shared library that its Python package could not open.
        kind = KINDS.get(entry.group, entry.group)
        reason = _reason(entry, error)
        raise OscilabError(f"the {kind} {entry.name!r} cannot be loaded: {reason}") from error


def choices(name: str, known: Iterable[str], what: str = "known") -> str:
    """Return all of `known`, and the one closest to `name` if any is close: the end of a sentence.

    For example "installed: digits, mnist01; did you mean 'digits'?".
    """
    names = list(known)
    return f"{what}: {', '.join(names) or 'none'}{_closest(name, names)}"


def _closest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _reason(entry: EntryPoint, error: Exception) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    package = entry.module.partition(".")[0]
    if missing and missing.partition(".")[0] != package:
        module = missing.partition(".")[0]
        return (
            f"the Python package {module} is missing; install it with "
            f"`python -m pip install {DISTRIBUTIONS.get(module, module)}`"
        )
    return f"{error}; reinstall the Python package {_owner(entry)}"
