"""The commented example that `oscilab init-bench` writes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from oscilab.errors import InvalidInput


def example_text() -> bytes:
    """The example, as UTF-8."""
    return (files("oscilab.cli") / "example_bench.toml").read_bytes()


def write_example(path: Path) -> None:
    """Write the example as the new file `path`, whole or not at all.

    Raises:
        InvalidInput: the file exists, or cannot be written.
    """
    text, created = example_text(), False
    try:
        # "x" claims the name in one step: two writers cannot both think that it is free.
        with path.open("xb") as file:
            created = True
            file.write(text)
    except FileExistsError as error:
        raise InvalidInput(
            f"{path} exists and is not overwritten; give another path, or move it away"
        ) from error
    except OSError as error:
        if created:
            path.unlink()
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror or error}; give a path in a folder that "
            "exists and can be written"
        ) from error
