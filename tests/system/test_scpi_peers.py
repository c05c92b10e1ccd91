"""Public drivers work with the virtual instruments.

They run in a separate process, in the environment of the interpreter OSCILAB_PEERS or in this one.
`pip install "oscilab[peers]"` installs them; tests of missing drivers are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from peer_drivers import PACKAGES
from racks import described, twin_of

pytestmark = pytest.mark.slow
PEERS = Path(__file__).with_name("peer_drivers.py")


@pytest.fixture(scope="module")
def rack():
    values = described()
    if sys.platform != "win32":
        values["connection"]["instruments"]["daq"]["resource"] = "ASRL/dev/ttyS0::INSTR"
    with twin_of(values) as (twin, _):
        yield twin


@pytest.fixture
def run(rack, tmp_path):
    """Return a function that runs a driver, and checks that no instrument has an error."""
    python = os.environ.get("OSCILAB_PEERS", sys.executable)

    def peer(*arguments):
        return subprocess.run(
            [python, str(PEERS), *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=240,
            env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip

    def drive(driver, instrument):
        there = peer(driver)
        if there.returncode:
            reason = (there.stderr.strip().splitlines() or ["it cannot be imported"])[-1]
            pytest.skip(f"{PACKAGES[driver]}: {reason}; install oscilab[peers]")
        address = rack.connection["instruments"][instrument]["resource"]
        if address.startswith("ASRL"):
            address = address[4:].partition("::")[0]
        ended = peer(driver, address)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        for name, each in rack.instruments.items():
            left = rack.server.do(lambda each=each: each.handle(b"SYST:ERR:ALL?"))
            assert left.lstrip("+") == '0,"No error"', name
        return json.loads(ended.stdout.rpartition("PEER ")[2])

    return drive


def level(rack, line):
    return float(rack.board.levels[rack.board.channels.output_numbers[line]])


def test_qcodes_qdac2(rack, run):
    found = run("qcodes-qdac2", "dac")
    assert (found["idn"], found["mac"]) == ("QDAC-II", "04-E9-16-2C-01-01")
    assert found["volts"] == [1.25, -1.5]
    assert (found["range"].lower(), found["filter"].lower()) == ("low", "med")
    assert found["low"] == [-2.0, 10.0]
    assert found["list"] == [4, [0.0, 1.0, 2.0, 3.0]]
    assert found["end of list"] == 3.0
    assert found["traces"] == ['"shape"']
    assert found["sweep"] == [11, 0.0, 1.0]
    assert (found["errors"], found["count"]) == ('0,"No error"', 0)
    assert level(rack, "dac_1") == 3.0
    assert level(rack, "dac_2") == -1.5


def test_qcodes_qdac2_arrangement(rack, run):
    found = run("qcodes-qdac2-arrangement", "dac")
    assert found["top"] == 0.7
    assert level(rack, "dac_3") == 0.7


def test_qcodes_33512b(rack, run):
    found = run("qcodes-33512b", "awg")
    assert (found["idn"], found["channels"]) == ("33512B", 2)
    assert found["levels"] == [2.0, 0.5, 2e3]
    assert found["burst"] == [3, "ON", 2]
    assert found["sync"] == ["ON", 2]
    assert found["error"] == [0, "No error"]


def test_pymeasure_33500(rack, run):
    found = run("pymeasure-33500", "awg")
    assert found["levels"] == [4.0, 1.0, 3.0, -1.0]
    assert found["state"] == ["ARB", True, True, '"RAMP"']
    assert found["rate"] == 1e5
    assert found["errors"] == []
    numbers = rack.board.channels.output_numbers
    # Both ramps were played: 4 V peak to peak about 1 V.
    for line in ("awg_1", "awg_2"):
        assert rack.board.lowest[numbers[line]] == pytest.approx(-1, abs=0.01)
        assert rack.board.highest[numbers[line]] >= 2.99


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_daqmon_34970a(rack, run):
    """Use the driver of the DAQ970A's predecessor, which has the same commands, by serial line."""
    found = run("daqmon-34970a", "daq")
    assert "DAQ970A" in found["idn"]
    assert found["points"] == 12
    assert found["channels"] == [101, 102, 103] * 4
    assert found["list"] == "#214(@101,102,103)"
    assert found["told"] == ['"VOLT"', 10.0, 0.2, 0.01, "TIM", 0.5, 4.0]
    assert found["endless"] >= 3
    assert found["error"] == '+0,"No error"'
