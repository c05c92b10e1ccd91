"""The fenced blocks of the pages, and how they are run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
FENCED = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)


@dataclass(frozen=True)
class Block:
    """What is between two fences; one with a title is a file of that name."""

    language: str
    title: str
    text: str


def all_blocks(page):
    return [Block(*found) for found in FENCED.findall(page.read_text("utf-8"))]


def blocks(language, page=README):
    return [block.text for block in all_blocks(page) if block.language == language]


def oscilab(line, folder):
    """Run one line that calls oscilab, on any system, and return what it prints."""
    words = shlex.split(line, comments=True)
    assert words[0] == "oscilab"
    command = [sys.executable, "-m", "oscilab", *words[1:]]
    return _output(command, folder, line)


def python(code, folder, environment=None):
    return _output([sys.executable, "-W", "error", "-c", code], folder, code, environment)


def shell(script, folder, environment=None):
    """Run lines of a POSIX shell in which `oscilab`, `python`, `pip` are those of the tests.

    `pip install` of a folder, editable or not, goes to a folder of its own without its extras; of
    anything else it is left out. No index is asked, and the tests' environment stays as it is.
    """
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    interpreter = shlex.quote(sys.executable)
    quiet = "--quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation"
    calls = f"""
oscilab() {{ {interpreter} -m oscilab "$@"; }}
python() {{ {interpreter} "$@"; }}
cookiecutter() {{ {interpreter} -m cookiecutter "$@"; }}
pip() {{
    local what="${{@: -1}}"
    case "$what" in
        .*) {interpreter} -m pip install {quiet} --target "$PYTHONPATH" "${{what%%[*}}";;
    esac
}}
"""
    return _output(
        ["bash", "-e", "-o", "pipefail", "-c", calls + script], folder, script, environment
    )


def run_page(page, folder, replaced=()):
    """Write the files of a page and run its commands, in order; return all that was printed."""
    site, own = folder.parent / "site", folder.parent / "cookiecutter.yaml"
    own.write_text(f"replay_dir: {folder.parent}/replay\ncookiecutters_dir: {folder.parent}\n")
    environment = {**os.environ, "PYTHONPATH": str(site), "COOKIECUTTER_CONFIG": str(own)}
    printed = ""
    for block in all_blocks(page):
        text = block.text
        for old, new in replaced:
            text = text.replace(old, new)
        if block.title:
            (folder / block.title).write_text(text, "utf-8")
        elif block.language == "sh":
            printed += shell(text, folder, environment)
        elif block.language == "python":
            printed += python(text, folder, environment)
    return printed


def _output(command, folder, what, environment=None):
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{what}\n{done.stdout[-3000:]}\n{done.stderr}"
    return done.stdout
