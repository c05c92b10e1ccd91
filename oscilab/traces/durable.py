"""Write files that are on the disk when a call returns, complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from oscilab.errors import InvalidInput
from oscilab.traces.trouble import short


def draft_of(path: Path) -> Path:
    """Return the name of this process's draft of a file."""
    return path.with_name(f"{path.name}.{os.getpid()}.new")


@contextmanager
def drafted(path: Path) -> Generator[Path]:
    """Yield the name of a draft, a file or a folder, which is renamed to `path` after the block.

    If anything stops the block, including Ctrl-C, the draft is removed.

    Raises:
        InvalidInput: it cannot be written.
    """
    draft = draft_of(path)
    make_folder(path.parent)
    try:
        yield draft
        draft.rename(path)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {short(error)}; free some space, or write elsewhere"
        ) from error
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents if they do not exist.

    Raises:
        InvalidInput: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"folder {folder} cannot be made: {short(error)}; write elsewhere"
        ) from error


def create_durably(path: Path, data: bytes) -> None:
    """Create a new file with these bytes.

    Raises:
        OSError: the file exists or cannot be written; nothing is left behind.
    """
    draft = draft_of(path)
    try:
        write_durably(draft, data)
        take_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_durably(path: Path, data: bytes) -> None:
    """Write these bytes to a file, replacing its content."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def take_name(draft: Path, path: Path) -> None:
    """Give a draft its final name, which must be free. On Windows the draft must be closed.

    Raises:
        OSError: a file of that name exists, or the folder cannot be written.
    """
    # A link, unlike a rename, never replaces a file that another process has just created.
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise
        draft.rename(path)
    else:
        draft.unlink()
    push_folder(path.parent)


def push_to_disk(path: Path) -> None:
    """Flush a closed file to the disk. Windows requires write access for this."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def push_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, if the system can open a folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
