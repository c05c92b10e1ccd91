"""Where a run can be watched and held: a file beside the run's own, for its user's eyes only.

It is there while the run lasts; a run that is killed leaves it behind, and `is_gone` tells. Its
token authorises control, so nobody else may read it: on POSIX its mode is 0600, on Windows it is as
private as its folder, which is the user's alone anywhere in the user's profile.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from oscilab.errors import InvalidInput
from oscilab.traces.liveness import is_alive, process_start

SCHEMA = 1
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Address:
    """Endpoints such as `tcp://127.0.0.1:49152`, the token, and the process that listens there.

    `run` is the path of the run file as that process knows it, `identity` tells one stretch of a
    run from the next.
    """

    run: str
    stream: str
    control: str
    token: str
    identity: str
    pid: int
    process_start: str
    host: str

    @classmethod
    def of_this_process(cls, run: Path, stream: str, control: str) -> Address:
        """With a token and an identity that nobody can guess."""
        return cls(
            run=str(run.resolve()),
            stream=stream,
            control=control,
            token=secrets.token_urlsafe(TOKEN_BYTES),
            identity=secrets.token_hex(8),
            pid=os.getpid(),
            process_start=process_start(os.getpid()),
            host=platform.node(),
        )

    @property
    def is_here(self) -> bool:
        """Whether its process runs, or ran, on this computer."""
        return self.host == platform.node()

    @property
    def is_gone(self) -> bool:
        """Whether its process ran on this computer and does not any more."""
        return self.is_here and not is_alive(self.pid, self.process_start, self.host)


def address_path(run: Path) -> Path:
    """`runs/digits.live.json` for `runs/digits.h5`."""
    return run.parent / f"{run.stem}.live.json"


def write_address(address: Address) -> Path:
    """Write the file of a run's address, whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    path = address_path(Path(address.run))
    draft = path.with_name(f".{path.name}.{address.pid}.partial")
    draft.unlink(missing_ok=True)
    # Created with its mode: there is no moment at which others could open it.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"schema": SCHEMA, **asdict(address)}, file, indent=1)
    draft.replace(path)
    return path


def read_address(path: Path) -> Address:
    """The address in a file; the file is closed again at once.

    Raises:
        InvalidInput: it is missing, or holds no address of this version.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(table, dict):
            raise TypeError("it holds no table")
        given = cast(dict[str, Any], table)
        if given.pop("schema") != SCHEMA:
            raise TypeError("it is of another version")
        return Address(**given)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}; no run is live there"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is no address of a live run: {error}; name a run") from error


def remove_address(path: Path, identity: str) -> None:
    """Remove the file, unless another stretch of the run has put its own there meanwhile."""
    try:
        if read_address(path).identity == identity:
            path.unlink(missing_ok=True)
    except InvalidInput:
        return
