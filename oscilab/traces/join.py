"""Join a run's segments and results into one file of its name."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

from oscilab.errors import InvalidInput
from oscilab.traces.durable import push_folder
from oscilab.traces.losses import losses
from oscilab.traces.merge import write_joined
from oscilab.traces.opening import open_files
from oscilab.traces.paths import (
    ballast_path,
    joined_path,
    result_path,
    segment_files,
    segment_folder,
)
from oscilab.traces.run import Run
from oscilab.traces.trouble import short

PATIENCE = (0.1, 0.3, 1.0)
"""Seconds to wait for a reader that holds the run's file open, on systems where this matters."""
SPARE = 4 << 20
BLOCK = 512


def join_run(path: Path, status: str | None = None) -> list[str]:
    """Join the files of a closed run; return a sentence for every part that cannot be removed.

    No part is removed before the joined file is on the disk. `status` replaces the run's.

    Raises:
        InvalidInput: the files cannot be joined; the run is left unchanged.
    """
    draft = joined_path(path)
    try:
        # A file may be truncated after its last valid row.
        with Run(open_files(path, salvage=True)) as run:
            _check_whole(run)
            _check_room(run)
            draft.parent.mkdir(exist_ok=True)
            draft.unlink(missing_ok=True)
            write_joined(run, draft, status)
        _replace(draft, path)
        push_folder(path.parent)
    except (OSError, InvalidInput) as error:
        raise InvalidInput(f"run {path} was not joined into one file: {short(error)}") from error
    finally:
        # Also after an interrupt.
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
            remove_if_empty(draft.parent)
    return remove_parts(path)


def _check_whole(run: Run) -> None:
    # Do not delete a part that cannot be read here: other tools may be able to.
    for lost in losses(run):
        raise InvalidInput(lost)


def _check_room(run: Run) -> None:
    needed = sum(_occupied(source.path) for source in run.sources) + SPARE
    free = shutil.disk_usage(run.path.parent).free
    if free < needed:
        raise InvalidInput(f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free")


def _occupied(path: Path) -> int:
    # Chunks that are only partly written contain holes, if the system reports them.
    stat = path.stat()
    return min(stat.st_size, getattr(stat, "st_blocks", stat.st_size) * BLOCK)


def _replace(draft: Path, path: Path) -> None:
    for wait in PATIENCE:
        try:
            draft.replace(path)
        except PermissionError:
            time.sleep(wait)
        else:
            return
    draft.replace(path)


def remove_parts(path: Path) -> list[str]:
    """Delete the parts that a joined file replaces; one that a reader holds open may stay."""
    folder = segment_folder(path)
    left: list[str] = []
    drafts = [*folder.glob("*.new")]
    for part in [*segment_files(folder), *drafts, result_path(path), ballast_path(path)]:
        try:
            part.unlink(missing_ok=True)
        except OSError as error:
            left.append(f"{part} is no longer needed and could not be removed: {error}")
    remove_if_empty(folder)
    return left


def remove_if_empty(folder: Path) -> None:
    """Delete a folder if it is empty."""
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()
