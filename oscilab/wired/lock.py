"""One process drives a device: a lock that the operating system frees when its holder dies."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from oscilab.errors import DeviceBusy, DeviceFailed

NAME_BYTES = 512
"""Room for the holder's number, behind the locked byte: Windows does not let others read that."""


class DeviceLock:
    """Holds the hardware called `hardware` on this computer, until `release` or the process ends.

    Raises:
        DeviceBusy: another process holds it; the message says which.
        DeviceFailed: the lock file cannot be opened.
    """

    def __init__(self, hardware: str, device: str) -> None:
        self.path = lock_path(hardware)
        self._file: IO[bytes] | None = _opened(self.path)
        if not _try_lock(self._file):
            self._file.close()
            holder = holder_of(hardware)
            raise DeviceBusy(
                f"device {device} is driven by another process (number {holder or 'unknown'}); "
                f"wait for it, or stop it with `oscilab safe {device}`"
            )
        self._file.seek(1)
        self._file.write(str(os.getpid()).encode().ljust(NAME_BYTES))
        self._file.flush()

    def release(self) -> None:
        """Free the lock; idempotent."""
        if self._file is not None:
            # Closing frees the lock. The file stays: to remove it would race with another process.
            self._file.close()
            self._file = None


def lock_path(hardware: str) -> Path:
    """Return the lock file of `hardware`, which all processes of this user share."""
    digest = hashlib.sha256(hardware.encode()).hexdigest()[:16]
    return _folder() / f"{digest}.lock"


def holder_of(hardware: str) -> int | None:
    """Return the number of the process that last held the lock, None if none did."""
    try:
        with lock_path(hardware).open("rb") as file:
            file.seek(1)
            return int(file.read(NAME_BYTES).strip() or b"0") or None
    except (OSError, ValueError):
        return None


def is_held(hardware: str) -> bool:
    """Return whether a living process holds the lock."""
    file = _opened(lock_path(hardware))
    with file:
        return not _try_lock(file)


def wait_until_free(hardware: str, seconds: float) -> bool:
    """Wait at most `seconds` until the lock is free; return whether it is."""
    deadline = time.monotonic() + seconds
    while is_held(hardware):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _folder() -> Path:
    # One for all processes of a user, including a service without the terminal's environment.
    if sys.platform == "win32":
        return Path(tempfile.gettempdir()) / "oscilab"
    return Path("/tmp") / f"oscilab-{os.getuid()}"


def _opened(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch()
        return path.open("r+b")
    except OSError as error:
        raise DeviceFailed(
            f"lock {path}, which keeps two processes from driving one device, cannot be opened: "
            f"{error.strerror or error}; make its folder one that you may write in"
        ) from error


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
