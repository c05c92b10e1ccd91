"""Hooks of the documentation site: pages that lie beside the code, and the command line's options.

A page of the site is a file in `docs/`, or one of `BESIDE_THE_CODE`, which stays where it is. Links
are written for the repository; where they lead to a page of the site, they are made to lead there.
"""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

BESIDE_THE_CODE = {
    "architecture.md": "ARCHITECTURE.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "experiments.md": "experiments/README.md",
    "tests.md": "tests/README.md",
    "templates.md": "templates/README.md",
    "simulation.md": "sim/README.md",
    "formats/bench.md": "oscilab/bench/FORMAT.md",
    "formats/run.md": "oscilab/traces/FORMAT.md",
    "formats/live.md": "oscilab/live/FORMAT.md",
    "formats/firmware.md": "firmware_bridge/PROTOCOL.md",
    "drivers/nidaq.md": "drivers/README.md",
    "drivers/scpi.md": "drivers/oscilab_visa/README.md",
    "drivers/firmware.md": "firmware_bridge/oscilab_firmware/README.md",
    "drivers/microcontroller.md": "firmware_bridge/README.md",
}
"""Page of the site, and the file in the repository that it is."""

COMMANDS = "commands.md"
"""The page of the command line: what `--help` prints, command by command."""

IMAGES = "experiments/results/*/*.png"
TABLES = "experiments/results/*/*.md"

WIDTH = "92"
"""Columns of the help texts."""

LINK = re.compile(r"(!?)\[([^]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```|~~~)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages beside the code, what they show, and the page of the command line."""
    from mkdocs.structure.files import File

    beside = dict(BESIDE_THE_CODE)
    beside |= {path: path for path in _found(TABLES)}
    for page, source in {**beside, **{path: path for path in _found(IMAGES)}}.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, COMMANDS, content=commands_page()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Return the text with links from the repository's file turned into the site's."""
    uri = page.file.src_uri
    source = source_of(uri)
    lines: list[str] = []
    in_code = False
    for line in markdown.split("\n"):
        in_code ^= bool(FENCE.match(line))
        lines.append(line if in_code else LINK.sub(lambda it: _link(it, source, uri), line))
    return "\n".join(lines)


def source_of(uri: str) -> str:
    """Return the repository's file that the page `uri` of the site is made from."""
    if uri in BESIDE_THE_CODE:
        return BESIDE_THE_CODE[uri]
    return uri if (ROOT / uri).is_file() and uri.startswith("experiments/") else f"docs/{uri}"


def _found(pattern: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))


def _link(found: re.Match[str], source: str, uri: str) -> str:
    image, text, target, anchor = found.groups(default="")
    if not target or ":" in target:
        return found[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    pages = {source: page for page, source in BESIDE_THE_CODE.items()}
    pages |= {path: path for path in [*_found(IMAGES), *_found(TABLES)]}
    if path in pages:
        place = pages[path]
    elif path.startswith("docs/"):
        place = path.removeprefix("docs/")
    else:
        # A file of the repository that is no page of the site: its name, to look it up there.
        return f"`{path}`" if text.strip("`") in (path, target) else f"{text} (`{path}`)"
    relative = posixpath.relpath(place, posixpath.dirname(uri) or ".")
    return f"{image}[{text}]({relative}{anchor})"


def commands_page() -> str:
    """Return the page of the command line, in Markdown."""
    lines = [
        "# Command line",
        "",
        "What `oscilab COMMAND --help` prints. What goes wrong is one line on standard error;",
        "`oscilab.errors` has the exit codes.",
    ]
    with _plain_help():
        for name in _commands(()):
            lines += _described(name)
            if name == "traces":
                for inner in _commands((name,)):
                    lines += _described(name, inner)
    return "\n".join(lines) + "\n"


def _described(*names: str) -> Iterable[str]:
    title = " ".join(["oscilab", *names])
    return ["", f"{'#' * (len(names) + 1)} {title}", "", "```text", _help(names), "```"]


def _commands(names: tuple[str, ...]) -> list[str]:
    listed = _help(names).partition("─ Commands ─")[2]
    return sorted(re.findall(r"^│ (\S+)", listed, re.M))


def _help(names: Iterable[str]) -> str:
    from oscilab.cli.main import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main([*names, "--help"])
    if code:
        raise RuntimeError(f"oscilab {' '.join(names)} --help exits with {code}")
    return "\n".join(line.rstrip() for line in said.getvalue().strip("\n ").splitlines())


@contextlib.contextmanager
def _plain_help() -> Iterator[None]:
    """Help texts of a fixed width and without colours, whatever the terminal is."""
    before, hook = dict(os.environ), sys.excepthook
    os.environ |= {"COLUMNS": WIDTH, "NO_COLOR": "1", "_TYPER_FORCE_DISABLE_TERMINAL": "1"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before
        # The command line sets its own.
        sys.excepthook = hook
