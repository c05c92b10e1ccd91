"""How a run that stopped is continued, in words that can be pasted."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from oscilab.errors import OscilabError

DEFAULT_DEVICE = "sim"


@contextmanager
def stops_say_how_to_go_on(path: Path, device: str, bench: str | None) -> Generator[None]:
    """Whatever stops the block says which run file it leaves, and how to continue it."""
    try:
        yield
    except (KeyboardInterrupt, OscilabError) as error:
        error.add_note(
            f"run file {path} keeps what was measured, and "
            f"`{resume_command(path, device, bench)}` continues it"
        )
        raise


def resume_command(path: Path, device: str, bench: str | None) -> str:
    """The command that continues a run, quoted for this system's shell."""
    words = ["oscilab", "train", "--resume", str(path)]
    if device != DEFAULT_DEVICE:
        words += ["--device", device]
    if bench is not None:
        words += ["--bench", bench]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
