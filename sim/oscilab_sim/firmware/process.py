"""The firmware as a process of this computer."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oscilab.errors import DeviceFailed

START_S = 30.0
STOP_S = 5.0


class FirmwareProcess:
    """The firmware, listening at `port`; with the argument `--child` it ends with its owner.

    Raises:
        DeviceFailed: it does not start.
    """

    def __init__(self, program: Path, arguments: Sequence[str], **options: Any) -> None:
        command = [str(program), *arguments]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
            )
        except OSError as error:
            raise DeviceFailed(f"the firmware {program} cannot be started: {error}") from error
        timer = threading.Timer(START_S, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        timer.cancel()
        try:
            self.port = str(json.loads(line)["port"])
        except ValueError:
            self._process.kill()
            code = self._process.wait()
            self._close_pipes()
            raise DeviceFailed(
                f"the firmware {' '.join(command)} did not start (it ended with code {code}, "
                f"saying {line.strip()!r}); delete it, and it is compiled again"
            ) from None

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def kill(self) -> None:
        """End it as a power failure would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it: its standard input closes, which it takes for the end of its owner."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
