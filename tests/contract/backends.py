"""The arrays that the contract suite runs over, and what the suite must know of each.

A new array takes one more entry in `BACKENDS`. Its builder is a context manager, because hardware
and what stands for it need tidying up, and may call `pytest.skip` with the reason why it cannot
run here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from oscilab.arrays import OscillatorArray
from oscilab.bench import Bench, Device, open_array
from oscilab.bench.schema import DeviceTable
from oscilab.physics import Potential, all_to_all
from oscilab_sim.array import SimulatedArray

TERMS = ("bias", "stiffness", "cubic", "quartic", "coupling")


def contract_potential() -> Potential:
    """Two coupled oscillators with every on-site term: every backend can be wired for these."""
    return Potential(all_to_all(2), TERMS)


@dataclass(frozen=True)
class Rig:
    """One array under test.

    `untouched` returns what a refused call must leave as it was: random state, output levels.
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


Builder = Callable[[], AbstractContextManager[Rig]]


def simulated(engine: str) -> Builder:
    """A simulated array on `engine`."""

    @contextmanager
    def build() -> Iterator[Rig]:
        array = SimulatedArray.from_bench({"engine": engine}, contract_potential(), engine, 7)
        yield Rig(array=array, untouched=array.save_state)
        array.make_safe()

    return build


def wired(connection: dict[str, object], **expected: float) -> Builder:
    """A wired array on the virtual front end; every output of its board must stay untouched."""

    @contextmanager
    def build() -> Iterator[Rig]:
        table = DeviceTable.model_validate(
            {
                "array": "wired",
                "front_end": "virtual",
                "topology": {"kind": "all-to-all", "rows": 1, "columns": 2},
                "terms": list(TERMS),
                "wiring": {"in_order": True},
                "limits": {
                    "outputs": {"range": [-10.0, 10.0], "slew": 1e6, "safe": 0.0},
                    "clamp_enable": {"safe": True},
                },
                "connection": connection,
            }
        )
        bench = Bench(Path("bench.toml").absolute(), "", {"virtual": table})
        device = Device("virtual", table, bench)
        array = open_array(device, contract_potential(), 0)
        board = array.wired.front_end.board

        def untouched() -> object:
            return board.writes, board.levels.tobytes(), board.seconds

        yield Rig(array=array, untouched=untouched, **expected)
        array.close()
        assert not board.writes or (board.levels == array.drive.limits.safe).all()

    return build


BACKENDS: dict[str, Builder] = {
    "wired-virtual": wired({}),
    "wired-virtual-untimed": wired({"hardware_timed": False}, batch=400),
    "simulated-numba": simulated("numba"),
    "simulated-numpy": simulated("numpy"),
}
