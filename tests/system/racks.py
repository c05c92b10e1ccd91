"""Virtual racks in this process, and devices whose front end talks to them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit

from oscilab.bench import Bench, Device, device_named
from oscilab.bench.schema import DeviceTable
from oscilab_sim.scpi.twin import RackTwin

EXAMPLE = device_named("rack0")


def described(**changes: Any) -> dict[str, Any]:
    """The example device's table; `changes` replace whole keys of its connection table."""
    values = copy.deepcopy(EXAMPLE.table.model_dump(mode="json", exclude_unset=True))
    values["connection"] |= changes
    return values


def device_of(values: dict[str, Any]) -> Device:
    """A device of that table, in a bench that is in no file."""
    return Device("rack", DeviceTable.model_validate(values), Bench(Path("bench.toml"), "", {}))


@contextmanager
def twin_of(values: dict[str, Any]) -> Iterator[tuple[RackTwin, Device]]:
    """The twin of a device in this process, and the device pointed to it.

    A `timeout_s` of the connection table stays, for tests of silence.
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


def write_bench(path: Path, device: Device) -> None:
    """A bench file with that device, for other processes and for runs that are resumed."""
    values = device.table.model_dump(mode="json", exclude_unset=True)
    values["connection"] = device.table.connection
    text = tomlkit.dumps({"schema": 1, "devices": {device.name: values}})
    path.write_text(text, encoding="utf-8")
