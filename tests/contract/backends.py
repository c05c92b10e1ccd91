"""The arrays that the contract suite tests, with the accuracy of each.

A new array is one more entry in `BACKENDS`. Its builder is a context manager that also cleans up,
and may call `pytest.skip` with a reason.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from oscilab.bench import Device, open_array
from oscilab.testing import Rig, contract_device, contract_potential
from oscilab_sim.array import SimulatedArray
from oscilab_sim.firmware.process import COMPILERS, find_compiler
from oscilab_sim.firmware.twin import FirmwareTwin
from oscilab_sim.scpi.twin import RackTwin
from oscilab_sim.settings import SimulatedSettings

Builder = Callable[[], AbstractContextManager[Rig]]


def pointed_to(device: Device, twin: FirmwareTwin | RackTwin) -> Device:
    """Return `device` with its twin in place of its hardware."""
    connection = {**(device.table.connection or {}), **twin.connection}
    return replace(device, table=device.table.model_copy(update={"connection": connection}))


def simulated(engine: str) -> Builder:
    """Return a simulated array on `engine`."""

    @contextmanager
    def build() -> Iterator[Rig]:
        array = SimulatedArray(
            contract_potential(), seed=7, settings=SimulatedSettings(engine=engine), name=engine
        )
        yield Rig(array=array, untouched=array.save_state)
        array.make_safe()

    return build


def wired(connection: dict[str, object], **expected: float) -> Builder:
    """Return a wired array on the virtual front end; refused calls must not move its outputs."""

    @contextmanager
    def build() -> Iterator[Rig]:
        array = open_array(contract_device("virtual", connection), contract_potential(), 0)
        board = array.wired.front_end.board

        def untouched() -> object:
            return board.writes, board.levels.tobytes(), board.seconds

        yield Rig(array=array, untouched=untouched, **expected)
        array.close()
        assert not board.writes or (board.levels == array.drive.limits.safe).all()

    return build


def firmware(**expected: float) -> Builder:
    """Return a wired array on the firmware, which runs as a process on this computer."""

    @contextmanager
    def build() -> Iterator[Rig]:
        if find_compiler() is None:
            pytest.skip(f"the firmware needs a C compiler ({', '.join(COMPILERS)})")
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "firmware.log"
            device = contract_device(
                "firmware",
                {
                    "analog_outputs": 11,
                    "analog_inputs": 4,
                    "max_rate_hz": 1e5,
                    "heartbeat_timeout_s": 30.0,
                },
                settings={"force_span": 1000.0},
                twin={"log": str(log)},
            )
            twin = FirmwareTwin.start(device, None)
            try:
                array = open_array(pointed_to(device, twin), contract_potential(), 0)
                front_end = array.wired.front_end

                def untouched() -> object:
                    # Earlier writes are in the log once the device answers.
                    levels = front_end.read_outputs().tobytes()
                    written = [line for line in log.read_text().splitlines() if "output" in line]
                    return levels, written

                yield Rig(array=array, untouched=untouched, **expected)
                driven = array.drive.limits.wired
                array.make_safe()
                levels = front_end.read_outputs()
                safe = array.drive.limits.safe
                assert not untouched()[1] or (levels[driven] == safe[driven]).all()
                array.close()
            finally:
                twin.stop()

    return build


def nidaq() -> Builder:
    """Return a wired array on the nidaqmx package, with a virtual NI-DAQmx behind gRPC."""

    @contextmanager
    def build() -> Iterator[Rig]:
        from nidaq_benches import TERMS, pair, pointed, rest_of

        from oscilab_sim.nidaq.twin import NidaqTwin

        device = pair(TERMS)
        twin = NidaqTwin.start(device, None)
        try:
            array = open_array(pointed(device, twin), contract_potential(), 0)
            board = twin.server.driver.engine.plant.board

            def untouched() -> object:
                return board.writes, board.levels.tobytes()

            yield Rig(array=array, untouched=untouched, batch=400)
            array.close()
            assert not board.writes or rest_of(array, board)
            assert not twin.server.unimplemented
        finally:
            twin.stop()

    return build


@contextmanager
def rack() -> Iterator[Rig]:
    """Yield the virtual SCPI rack over sockets, which is set and read point by point."""
    device = contract_device(
        "scpi",
        {
            "instruments": {
                "dac": {
                    "kind": "qdac2",
                    "resource": "TCPIP::dac::5025::SOCKET",
                    "switches": {"24": [0.0, 5.0]},
                },
                "daq": {
                    "kind": "daq970a",
                    "resource": "TCPIP::daq::5025::SOCKET",
                    "modules": {"1": "DAQM900A"},
                    "inputs": "101:104",
                },
            }
        },
        # A scan takes 11 ms; the array is a thousand times slower.
        settings={"time_s": 100.0, "longest_s": 1e5},
        limits={
            "outputs": {"range": [-10.0, 10.0], "slew": 1e4, "safe": 0.0},
            "clamp_enable": {"safe": True},
        },
    )
    twin = RackTwin.start(device, None)
    try:
        array = open_array(replace(pointed_to(device, twin), is_twin=True), contract_potential(), 0)
        board = twin.board

        def untouched() -> object:
            return twin.server.do(lambda: (board.writes, board.levels.tobytes(), board.seconds))

        # The voltmeter writes nine digits: 2e4 at full scale leaves 1e-4 of a force.
        yield Rig(array=array, untouched=untouched, force_error=1e-3, batch=100)
        array.close()
        assert not board.writes or (board.levels == array.drive.limits.safe).all()
    finally:
        twin.stop()


BACKENDS: dict[str, Builder] = {
    "wired-virtual": wired({}),
    "wired-virtual-untimed": wired({"hardware_timed": False}, batch=400),
    "wired-firmware": firmware(batch=400, force_error=0.1, position_error=1e-3),
    "wired-nidaq": nidaq(),
    "wired-scpi": rack,
    "simulated-numba": simulated("numba"),
    "simulated-numpy": simulated("numpy"),
}
SLOW = {"wired-scpi", "wired-nidaq", "wired-virtual-untimed"}
"""Arrays that are read point by point, or start a server for every test."""
