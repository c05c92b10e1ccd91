"""Where bench files are looked for, and which one is used."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import ModuleType

from platformdirs import user_config_path

from oscilab.errors import InvalidInput
from oscilab.plugins import choices, installed, load_entry

VARIABLE = "OSCILAB_BENCH"
FILE_NAME = "bench.toml"
GROUP = "oscilab.benches"


@dataclass(frozen=True)
class Place:
    """One of the places where a bench file may be, in the order of `search_order`."""

    name: str
    path: Path | None

    @property
    def holds_bench(self) -> bool:
        """Whether a bench file is there."""
        return self.path is not None and self.path.is_file()


def user_folder() -> Path:
    """Return the user's configuration folder, which may hold `bench.toml` and benches by name."""
    return user_config_path("oscilab", appauthor=False)


def search_order(bench: str | None = None) -> list[Place]:
    """Return every place, in order: the first that holds a bench file is the one that is used.

    Raises:
        InvalidInput: `bench` (from `--bench`) or OSCILAB_BENCH names no bench file.
    """
    variable = os.environ.get(VARIABLE)
    return [
        Place("--bench", named_bench(bench, "--bench") if bench else None),
        Place(VARIABLE, named_bench(variable, VARIABLE) if variable else None),
        Place("the working folder", Path.cwd() / FILE_NAME),
        Place("the user's folder", user_folder() / FILE_NAME),
    ]


def find_bench(bench: str | None = None) -> Path | None:
    """Return the bench file that is used, or None where there is none.

    Raises:
        InvalidInput: `bench` or OSCILAB_BENCH names no bench file.
    """
    return next((place.path for place in search_order(bench) if place.holds_bench), None)


def named_bench(name: str, given_by: str = "--bench") -> Path:
    """Return the bench file called `name`: a path, or a name in the user's folder or of an example.

    Raises:
        InvalidInput: there is none; the message lists the names that there are.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path.absolute()
    if path.suffix == ".toml" or len(path.parts) > 1 or path.is_dir():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise InvalidInput(
            f"bench file {path} (from {given_by}) {kind}; give the path of a bench file, or write "
            "one with `oscilab init-bench`"
        )
    known = {**example_benches(), **user_benches()}
    if name not in known:
        raise InvalidInput(
            f"unknown bench {name!r} (from {given_by}); give a path, or one of the "
            f"{choices(name, known, 'benches')}"
        )
    return known[name]


def user_benches() -> dict[str, Path]:
    """Return the bench files in the user's folder by name."""
    return _benches_in(user_folder())


def example_benches() -> dict[str, Path]:
    """Return the benches that come with installed packages, by name.

    An entry of the group is a package; every TOML file in it is a bench.
    """
    found: dict[str, Path] = {}
    for entry in installed(GROUP).values():
        package = load_entry(entry)
        if isinstance(package, ModuleType):
            found |= _benches_in(Path(str(files(package))))
    return found


def _benches_in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
