"""A small device on NI boards, its twin in this process, and the safe state of its board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from oscilab.bench import Bench, Device
from oscilab.bench.schema import DeviceTable
from oscilab.wired import WiredArray
from oscilab_sim.board import VirtualBoard
from oscilab_sim.nidaq.twin import NidaqTwin

TERMS = ("bias", "stiffness", "cubic", "quartic", "coupling")
CONNECTION: dict[str, Any] = {
    "boards": {"Dev1": "PXIe-6738", "Dev2": "PXIe-6358"},
    "digital_out": ["Dev2/port0/line0"],
    "digital_in": ["Dev2/port0/line1"],
    "timeout_s": 20.0,
    "deadline_s": 30.0,
}


def pair(terms: Sequence[str] = TERMS, **changes: Any) -> Device:
    """Return a device of two coupled oscillators; `changes` replace whole keys."""
    table = {
        "array": "wired",
        "front_end": "nidaq",
        "topology": {"kind": "all-to-all", "rows": 1, "columns": 2},
        "terms": list(terms),
        "wiring": {"in_order": True},
        "settings": {"start": "assume-safe", "samples_per_slice": 1, "rate_hz": 1e4},
        "connection": CONNECTION,
        "limits": {
            "outputs": {"range": [-10.0, 10.0], "slew": 1e7, "safe": 0.0},
            "clamp_enable": {"safe": True},
        },
    } | changes
    bench = Bench(Path("bench.toml").absolute(), "", {})
    return Device("pair", DeviceTable.model_validate(table), bench)


def pointed(device: Device, twin: NidaqTwin) -> Device:
    """Return `device` with its twin in place of its boards."""
    connection = {**(device.table.connection or {}), **twin.connection}
    table = device.table.model_copy(update={"connection": connection})
    return replace(device, table=table, is_twin=True)


def rest_of(array: WiredArray, board: VirtualBoard) -> bool:
    """Return whether every wired output of the board is at its safe value."""
    limits = array.drive.limits
    return bool((board.levels == np.where(limits.wired, limits.safe, board.levels)).all())
