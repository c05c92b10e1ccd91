"""A copy of the checkout, to be broken in its stead."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
"""In the copy, whose `oscilab` comes before the installed one."""


@contextmanager
def copied_checkout() -> Iterator[None]:
    """Work in a copy of the checkout, which goes at the end."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "site")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkout"
        shutil.copytree(ROOT, folder, ignore=ignored)
        with chdir(folder):
            yield


def pytest_exit(tests: Sequence[str]) -> tuple[int, str]:
    """Run `tests` in the copy until the first fails; pytest's exit code and what it said."""
    # A file that is changed twice in a second would be run from its old bytecode.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*PYTEST, *tests], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr
