"""Requests to a run: answered where they carry the run's token, refused and logged where not."""

from __future__ import annotations

import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, cast

VERSION = 1
MOST_BYTES = 1024
"""Of one request."""
A_SECOND, BURST = 500, 50
"""Requests that are looked at; what comes faster waits at the door, and costs the run nothing."""
LOG_BYTES = 64 << 10
LOG_EVERY_S = 1.0
Reply = dict[str, Any]


def log_path(run: Path) -> Path:
    """`runs/digits.control.log` for `runs/digits.h5`."""
    return run.parent / f"{run.stem}.control.log"


class ControlLog:
    """Who asked a run for what, in a file of bounded size; it appears with the first request.

    Refusals that come in numbers share a line a second.
    """

    def __init__(self, path: Path) -> None:
        self._file = RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
        )
        form = logging.Formatter("%(asctime)sZ %(message)s", "%Y-%m-%dT%H:%M:%S")
        form.converter = time.gmtime
        self._file.setFormatter(form)
        self.refused = 0
        self._untold = 0
        self._told = -LOG_EVERY_S

    def granted(self, action: str, who: str) -> None:
        """What was done."""
        self._write(f"{action}, asked for by {who}")

    def refuse(self, reason: str, who: str) -> None:
        """What was not."""
        self.refused += 1
        self._untold += 1
        if time.monotonic() - self._told >= LOG_EVERY_S:
            self._tell(f"refused a request of {who}: {reason}")

    def close(self) -> None:
        """Write what is still untold."""
        if self._untold:
            self._tell("refused requests")
        self._file.close()

    def _tell(self, sentence: str) -> None:
        times = f" ({self._untold} since the last such line)" if self._untold > 1 else ""
        self._untold, self._told = 0, time.monotonic()
        self._write(sentence + times)

    def _write(self, sentence: str) -> None:
        # Anybody may send anything: one line stays one line.
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
    """Looks at requests; `actions` by name return what to say of them.

    A request is a JSON object: `{"version": 1, "token": "...", "do": "pause", "number": 7}`.
    """

    def __init__(
        self, token: str, actions: Mapping[str, Callable[[], str]], log: ControlLog
    ) -> None:
        self._token = token.encode()
        self._actions = actions
        self.log = log

    def answer(self, request: bytes, who: str) -> Reply:
        """Do what a request asks for, or refuse it; never raises."""
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
    """How many requests may be looked at now: `BURST` at once, `A_SECOND` in the long run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(BURST)
        self._seen = clock()

    def spend(self) -> bool:
        """Whether one more may be."""
        now = self._clock()
        self._left = min(BURST, self._left + (now - self._seen) * A_SECOND)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _bytes(text: str) -> bytes:
    # JSON may hold halves of characters, which are no UTF-8.
    return text.encode("utf-8", "surrogatepass")
