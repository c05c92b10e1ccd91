"""Small wired devices on virtual boards, for tests."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from oscilab.bench import Bench, Device, open_array
from oscilab.bench.schema import DeviceTable
from oscilab.physics import Potential
from oscilab.wired import WiredArray
from oscilab.wired.device import device_potential

TERMS = ["bias", "stiffness", "quartic", "coupling"]
PAIR: dict[str, Any] = {
    "array": "wired",
    "front_end": "virtual",
    "topology": {"kind": "all-to-all", "rows": 1, "columns": 2},
    "terms": TERMS,
    "wiring": {"in_order": True},
    "limits": {
        "outputs": {"range": [-10.0, 10.0], "slew": 1e6, "safe": 0.0},
        "clamp_enable": {"safe": True},
    },
}


def pair(folder: Path | None = None, **changes: Any) -> Device:
    """Return a device of two coupled oscillators; `changes` replace whole keys."""
    table = {**copy.deepcopy(PAIR), **changes}
    path = (folder or Path.cwd()) / "bench.toml"
    return Device("pair", DeviceTable.model_validate(table), Bench(path, "", {}))


def opened(device: Device, potential: Potential | None = None) -> WiredArray:
    """Return the device's array, whose board is `wired.front_end.board`."""
    array = open_array(device, potential or device_potential(device), 0)
    assert isinstance(array, WiredArray)
    return array
