"""Virtual racks in this process, with devices and front ends for them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit

from oscilab.bench import Bench, Device, device_named
from oscilab.bench.schema import DeviceTable
from oscilab.wired.device import open_front_end
from oscilab_sim.scpi.twin import RackTwin

EXAMPLE = device_named("rack0")
SILENCE_S = 5.0
"""Timeout in tests of silence; nothing else takes as long, even on a busy machine."""


def described(**changes: Any) -> dict[str, Any]:
    """Return the example device's table; `changes` replace whole keys of its connection table."""
    values = copy.deepcopy(EXAMPLE.table.model_dump(mode="json", exclude_unset=True))
    values["connection"] |= changes
    return values


def device_of(values: dict[str, Any]) -> Device:
    """Return a device of that table, in a bench without a file."""
    return Device("rack", DeviceTable.model_validate(values), Bench(Path("bench.toml"), "", {}))


@contextmanager
def twin_of(values: dict[str, Any]) -> Iterator[tuple[RackTwin, Device]]:
    """Yield the twin of a device in this process, and the device connected to it.

    A `timeout_s` of the connection table is kept, for tests of silence.
    """
    device = device_of(values)
    twin = RackTwin.start(device, None)
    try:
        given = values["connection"]
        kept = {key: given[key] for key in ("timeout_s",) if key in given}
        connection = {**given, **twin.connection, **kept}
        table = device.table.model_copy(update={"connection": connection})
        yield twin, replace(device, table=table, is_twin=True)
    finally:
        twin.stop()


class Rack:
    """A twin, a front end for it, and every message that its instruments received."""

    def __init__(self, twin: RackTwin, device: Device) -> None:
        self.twin, self.device = twin, device
        self.front_end: Any = open_front_end(device)
        self.heard: dict[str, list[str]] = {name: [] for name in twin.instruments}
        for name, instrument in twin.instruments.items():
            self._overhear(name, instrument)

    def _overhear(self, name: str, instrument: Any) -> None:
        handle = instrument.handle

        def overhear(message: bytes) -> str | None:
            self.heard[name].append(message.decode("latin-1"))
            return handle(message)

        instrument.handle = overhear

    def levels(self, *names: str) -> list[float]:
        numbers = self.twin.board.channels.output_numbers
        return [float(self.twin.board.levels[numbers[name]]) for name in names]

    def zeros(self, **levels: float) -> np.ndarray:
        """Return the volts of every output: 0 except for `levels`."""
        volts = np.zeros(len(self.front_end.channels.outputs))
        for name, value in levels.items():
            volts[self.front_end.channels.output_numbers[name]] = value
        return volts

    def silence(self, name: str) -> None:
        """Let an instrument accept messages and never answer."""
        instrument: Any = self.twin.instruments[name]
        instrument.handle = lambda message: None


@contextmanager
def making_racks() -> Iterator[Callable[..., Rack]]:
    """Yield a builder of racks, which are closed at the end."""
    with ExitStack() as stack:

        def build(instruments: dict[str, Any] | None = None, **changes: Any) -> Rack:
            values = described(**changes)
            for name, keys in (instruments or {}).items():
                values["connection"]["instruments"].setdefault(name, {}).update(keys)
            rack = Rack(*stack.enter_context(twin_of(values)))
            stack.callback(rack.front_end.close)
            return rack

        yield build


def write_bench(path: Path, device: Device) -> None:
    """Write a bench file with the device, for other processes and for resumed runs."""
    values = device.table.model_dump(mode="json", exclude_unset=True)
    values["connection"] = device.table.connection
    text = tomlkit.dumps({"schema": 1, "devices": {device.name: values}})
    path.write_text(text, encoding="utf-8")
