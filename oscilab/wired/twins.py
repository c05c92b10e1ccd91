"""Twins: simulated hardware for a front end, so that its driver runs without a device.

`--simulate` starts the device's twin in a process of its own and points the driver to it. Driver,
wiring, limits and code path stay the same. The bench's table `twin` describes the plant, and only
the twin reads it, except for `calibration`: a twin's calibration is never the device's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any, Protocol, cast

from oscilab.bench.devices import Device
from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.plugins import find, installed

GROUP = "oscilab.twins"
START_S = 120.0
"""A twin may compile kernels or firmware first."""
STOP_S = 10.0


class Twin(Protocol):
    """A running twin."""

    @property
    def connection(self) -> Mapping[str, object]:
        """Keys of the device's `connection` table that lead to it: `{"server": "127.0.0.1:31763"}`.

        Values are what JSON can carry.
        """
        ...

    def stop(self) -> None:
        """End it; idempotent."""
        ...


class TwinKind(Protocol):
    """What a class of the group `oscilab.twins` offers, under the name of its front end."""

    @classmethod
    def start(cls, device: Device, endpoint: str | None) -> Twin:
        """Return the twin of `device`, listening at `endpoint` (None: at a free one).

        `twin_table(device)` is its table in the bench.

        Raises:
            InvalidInput: a twin table or an endpoint that cannot be used.
        """
        ...


def twin_table(device: Device) -> dict[str, Any]:
    """Return the device's `twin` table without `calibration`."""
    table = device.table.twin or {}
    return {key: value for key, value in table.items() if key != "calibration"}


def twin_calibration(device: Device) -> str | None:
    """Return the calibration file of the device's twin, from the bench file's folder.

    Raises:
        InvalidInput: it is not a file name.
    """
    name = (device.table.twin or {}).get("calibration")
    if name is not None and not isinstance(name, str):
        raise InvalidInput(
            f"{device.where}: devices.{device.name}.twin.calibration is {name!r}; it must name a "
            "file"
        )
    return name


def twin_kind(device: Device) -> TwinKind:
    """Return the class of the device's twin.

    Raises:
        InvalidInput: the device is not wired, or its front end has no twin.
    """
    name = device.table.front_end
    if name is None:
        raise InvalidInput(
            f"device {device.name} is {device.table.array} and needs no twin; drop --simulate"
        )
    if name not in installed(GROUP):
        known = ", ".join(installed(GROUP)) or "none"
        raise InvalidInput(
            f"device {device.name} has the front end {name!r}, which has no twin (twins: {known}); "
            "drop --simulate, or name another device"
        )
    return find(GROUP, name, {}, TwinKind)


@contextmanager
def simulated(device: Device) -> Generator[Device]:
    """Give `device` with its twin in place of its hardware, while the block lasts.

    Raises:
        InvalidInput: there is no twin, or its table is wrong.
        DeviceFailed: it does not start.
    """
    twin_kind(device)
    process = _TwinProcess(device)
    try:
        yield _pointed(device, process.connection)
    finally:
        process.stop()


def twin_if(wanted: bool, device: Device) -> AbstractContextManager[Device]:
    """Give `device` with its twin if `wanted`, else as it is."""
    return simulated(device) if wanted else nullcontext(device)


def _pointed(device: Device, connection: Mapping[str, object]) -> Device:
    changed = {
        "connection": {**(device.table.connection or {}), **connection},
        "calibration": twin_calibration(device),
    }
    return replace(device, table=device.table.model_copy(update=changed), is_twin=True)


class _TwinProcess:
    """`oscilab serve` as a child process that ends with this one, however this one ends."""

    def __init__(self, device: Device) -> None:
        self._name = device.name
        bench = ["--bench", str(device.bench.path)] if device.bench else []
        command = [sys.executable, "-m", "oscilab", "serve", device.name, *bench, "--child"]
        # Out of reach of the terminal's Ctrl-C, which would end it before outputs are ramped.
        apart: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, **apart,
        )  # fmt: skip
        self._errors: list[str] = []
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._readers = [
            threading.Thread(target=read, daemon=True) for read in (self._listen, self._collect)
        ]
        for reader in self._readers:
            reader.start()
        try:
            self.connection = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it: its standard input closes, which tells it that its owner has ended."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(STOP_S)

    def _wait_until_ready(self) -> dict[str, object]:
        try:
            line = self._lines.get(timeout=START_S)
        except Empty:
            raise DeviceFailed(
                f"the twin of device {self._name} did not start within {START_S:g} s; run "
                f"`oscilab serve {self._name}` to see why"
            ) from None
        if not line:
            self._process.wait(STOP_S)
            said = " ".join(" ".join(self._errors).split()).removeprefix("oscilab: ")
            kind = (
                InvalidInput if self._process.returncode == InvalidInput.exit_code else DeviceFailed
            )
            raise kind(
                f"the twin of device {self._name} did not start: {said or 'it said nothing'}"
            )
        return cast(dict[str, object], json.loads(line))

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def _collect(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self._errors.append(line)
                del self._errors[:-50]
