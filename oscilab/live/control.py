"""Control of a run from other processes: its address and token, the requests, and the gate.

The address is a file beside the run file. It exists during the run. A killed run leaves it behind,
which `is_gone` detects. Its token authorises control, so only the user may read it: its mode is
0600 on POSIX, and on Windows it is as private as its folder.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Literal, cast

from oscilab.errors import InvalidInput
from oscilab.interruption import MadeSafe
from oscilab.traces.liveness import is_alive, process_start

SCHEMA = 1
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Address:
    """Endpoints such as `tcp://127.0.0.1:49152`, the token, and the process that listens there.

    `run` is the path of the run file in that process. `identity` changes when the run is resumed.
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
        """Return an address of this process, with a random token and identity."""
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
        """Whether the process runs, or ran, on this computer."""
        return self.host == platform.node()

    @property
    def is_gone(self) -> bool:
        """Whether the process ran on this computer and has ended."""
        return self.is_here and not is_alive(self.pid, self.process_start, self.host)


def address_path(run: Path) -> Path:
    """Return `runs/digits.live.json` for `runs/digits.h5`."""
    return run.parent / f"{run.stem}.live.json"


def write_address(address: Address) -> Path:
    """Write the file of a run's address, completely or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    path = address_path(Path(address.run))
    draft = path.with_name(f".{path.name}.{address.pid}.partial")
    draft.unlink(missing_ok=True)
    # Create it with its mode, so that others can never open it.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"schema": SCHEMA, **asdict(address)}, file, indent=1)
    draft.replace(path)
    return path


def read_address(path: Path) -> Address:
    """Read the address in a file.

    Raises:
        InvalidInput: the file is missing, or has no address of this version.
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
    """Remove the file, unless it has been replaced by that of a resumed run."""
    try:
        if read_address(path).identity == identity:
            path.unlink(missing_ok=True)
    except InvalidInput:
        return


VERSION = 1
MOST_BYTES = 1024
"""The largest request."""
A_SECOND, BURST = 500, 50
"""The most requests read per second and at once; others wait in the socket."""
LOG_BYTES = 64 << 10
LOG_EVERY_S = 1.0
Reply = dict[str, Any]


def log_path(run: Path) -> Path:
    """Return `runs/digits.control.log` for `runs/digits.h5`."""
    return run.parent / f"{run.stem}.control.log"


class ControlLog:
    """A log of requests in a file of bounded size, which is created at the first request.

    There is at most one line of refusals per second.
    """

    def __init__(self, path: Path) -> None:
        self._file = RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
        )
        form = logging.Formatter("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S")
        form.converter = time.gmtime
        self._file.setFormatter(form)
        self.refused = 0
        self._unlogged = 0
        self._logged = -LOG_EVERY_S

    def granted(self, action: str, who: str) -> None:
        """Log a granted request."""
        self._write(f"{action}, asked for by {who}")

    def refuse(self, reason: str, who: str) -> None:
        """Log a refused request."""
        self.refused += 1
        self._unlogged += 1
        if time.monotonic() - self._logged >= LOG_EVERY_S:
            self._log_refusals(f"refused a request of {who}: {reason}")

    def close(self) -> None:
        """Write pending refusals and close the file."""
        if self._unlogged:
            self._log_refusals("refused requests")
        self._file.close()

    def _log_refusals(self, sentence: str) -> None:
        times = f" ({self._unlogged} since the last such line)" if self._unlogged > 1 else ""
        self._unlogged, self._logged = 0, time.monotonic()
        self._write(sentence + times)

    def _write(self, sentence: str) -> None:
        # A request may contain anything; keep it on one line.
        record = logging.LogRecord(
            "live",
            logging.INFO,
            "",
            0,
            sentence.encode("ascii", "backslashreplace").decode().replace("\n", " ")[:300],
            None,
            None,
        )
        self._file.handle(record)


class Doorkeeper:
    """Checks and answers requests; `actions` by name return the text of the answer.

    A request is a JSON object: `{"version": 1, "token": "...", "do": "pause", "number": 7}`.
    """

    def __init__(
        self, token: str, actions: Mapping[str, Callable[[], str]], log: ControlLog
    ) -> None:
        self._token = token.encode()
        self._actions = actions
        self.log = log

    def answer(self, request: bytes, who: str) -> Reply:
        """Execute or refuse a request, and return the reply; never raises."""
        table = _table(request)
        if table is None:
            return self._refused("no request of this version", who)
        given = table.get("token")
        if not isinstance(given, str) or not hmac.compare_digest(_bytes(given), self._token):
            return self._refused("a wrong token" if given else "no token", who)
        name, number = table.get("do"), table.get("number")
        action = self._actions.get(name) if isinstance(name, str) else None
        if action is None or not isinstance(number, int):
            known = ", ".join(self._actions)
            return self._refused(f"a request to do {name!r}, not one of {known}", who)
        said = action()
        self.log.granted(f"{name}: {said}", who)
        return {"version": VERSION, "ok": True, "number": number, "said": said}

    def _refused(self, reason: str, who: str) -> Reply:
        self.log.refuse(reason, who)
        return {"version": VERSION, "ok": False, "number": None, "said": f"refused: {reason}"}


def _table(request: bytes) -> dict[str, Any] | None:
    if len(request) > MOST_BYTES:
        return None
    try:
        table: object = json.loads(request)
    except (ValueError, RecursionError):
        return None
    if not isinstance(table, dict):
        return None
    found = cast(dict[str, Any], table)
    return found if found.get("version") == VERSION else None


class Budget:
    """A rate limit of requests: `BURST` at once, `A_SECOND` on average."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(BURST)
        self._seen = clock()

    def spend(self) -> bool:
        """Return whether another request may be read now."""
        now = self._clock()
        self._left = min(BURST, self._left + (now - self._seen) * A_SECOND)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _bytes(text: str) -> bytes:
    # JSON may contain lone surrogates, which are not valid UTF-8.
    return text.encode("utf-8", "surrogatepass")


State = Literal["running", "pausing", "paused", "stopping"]
LOOK_EVERY_S = 0.2
"""The interval of checks while a run is paused. Windows needs it for Ctrl-C as well."""


class Gate:
    """Pauses or stops a run: any thread calls `pause`, `resume` or `stop`, the run `passing`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._waits = False
        self._stop = ""
        self.held_s = 0.0
        """The time for which the run was paused so far, in s."""

    @property
    def state(self) -> State:
        """`pausing` until the batch that is being measured has ended, then `paused`."""
        with self._changed:
            if self._stop:
                return "stopping"
            if self._paused:
                return "paused" if self._waits else "pausing"
            return "running"

    def pause(self) -> None:
        """Pause the run before its next batch; idempotent."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """Resume the run; idempotent."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def stop(self, reason: str) -> None:
        """End the run before its next batch, held or not; idempotent."""
        with self._changed:
            self._stop = self._stop or reason
            self._changed.notify_all()

    def passing(self, meanwhile: Callable[[], None]) -> None:
        """Return when the run may go on; `meanwhile` is called every 0.2 s if it has to wait.

        Raises:
            MadeSafe: the run is to end.
        """
        began = time.monotonic()
        while True:
            with self._changed:
                if self._stop:
                    raise MadeSafe(self._stop)
                if not self._paused:
                    break
                self._waits = True
                self._changed.wait(LOOK_EVERY_S)
                still = self._paused and not self._stop
            if still:
                meanwhile()
        if self._waits:
            self._waits = False
            self.held_s += time.monotonic() - began
