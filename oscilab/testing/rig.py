"""An array under test, and how to build a wired one around a front end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oscilab.arrays import OscillatorArray
from oscilab.bench import Bench, Device, open_array
from oscilab.bench.schema import DeviceTable
from oscilab.physics import Potential, all_to_all
from oscilab.wired import FrontEndCapability, WiredArray

TERMS = ("bias", "stiffness", "cubic", "quartic", "coupling")


def contract_potential() -> Potential:
    """Return the potential of two coupled oscillators with every on-site term."""
    return Potential(all_to_all(2), TERMS)


@dataclass(frozen=True)
class Rig:
    """One array under test.

    `untouched` returns what a refused call must not change: random state, output levels.
    Readings may be off by `force_error` and `position_error` (absolute, every reading) and
    statistics of motion by `model_error` (relative) beyond their sampling error. `batch` is how
    many copies a statistical test may ask for.
    """

    array: OscillatorArray
    untouched: Callable[[], object]
    force_error: float = 1e-6
    position_error: float = 1e-6
    model_error: float = 0.02
    batch: int = 4000


def contract_device(front_end: str, connection: Mapping[str, object], **changes: object) -> Device:
    """Return a device of `contract_potential()`, lines in order; `changes` replace keys.

    It needs 9 analog outputs (7 parameters, 2 clamps), a digital one that enables the clamps, and 4
    analog inputs (2 positions, 2 forces), of +-10 V.
    """
    table = {
        "array": "wired",
        "front_end": front_end,
        "topology": {"kind": "all-to-all", "rows": 1, "columns": 2},
        "terms": list(TERMS),
        "wiring": {"in_order": True},
        "limits": {
            "outputs": {"range": [-10.0, 10.0], "slew": 1e6, "safe": 0.0},
            "clamp_enable": {"safe": True},
        },
        "connection": dict(connection),
        **changes,
    }
    validated = DeviceTable.model_validate(table)
    bench = Bench(Path("bench.toml").absolute(), "", {front_end: validated})
    return Device(front_end, validated, bench)


@contextmanager
def wired_rig(device: Device, **expected: float) -> Generator[Rig]:
    """Yield a wired array on `device`; `expected` are numbers of its `Rig`.

    If outputs can be read back, refused calls must not change them and closing must make them safe.
    """
    array = open_array(device, contract_potential(), 0)
    assert isinstance(array, WiredArray)
    front_end = array.wired.front_end
    has_readback = FrontEndCapability.OUTPUT_READBACK in front_end.capabilities

    def untouched() -> object:
        return front_end.read_outputs().tobytes() if has_readback else None

    try:
        found = untouched()
        yield Rig(array, untouched, **expected)  # pyright: ignore[reportArgumentType]
        array.make_safe()
        # An array that never drove does not change its outputs.
        if has_readback and untouched() != found:
            limits, levels = array.drive.limits, front_end.read_outputs()
            assert (levels[limits.wired] == limits.safe[limits.wired]).all(), levels
    finally:
        array.close()
