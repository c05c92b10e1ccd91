"""Files that are on the disk when a call returns, and appear complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from oscilab.errors import InvalidInput
from oscilab.traces.trouble import short


def draft_of(path: Path) -> Path:
    """The name under which this process prepares a file."""
    return path.with_name(f"{path.name}.{os.getpid()}.new")


@contextmanager
def drafted(path: Path) -> Generator[Path]:
    """The name under which the block writes a file or a folder, which is `path` afterwards.

    Where anything stops it, Ctrl-C included, nothing is left behind.

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
    """The folder, and those that it lies in, where they are not there yet.

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
    """A new file with these bytes.

    Raises:
        OSError: it exists already, or cannot be written; nothing is left behind then.
    """
    draft = draft_of(path)
    try:
        write_durably(draft, data)
        take_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_durably(path: Path, data: bytes) -> None:
    """These bytes, whatever was there before."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def take_name(draft: Path, path: Path) -> None:
    """Give a draft its name, which no file may have yet; the draft may be open but on Windows.

    Raises:
        OSError: a file of that name exists, or the folder cannot be written.
    """
    # A link, unlike a rename, never takes the place of a file that another process has just made.
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
    """Have the system write a closed file out; Windows asks for write access to do so."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def push_folder(folder: Path) -> None:
    """Have the system write a folder's names out, where it lets a folder be opened."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
