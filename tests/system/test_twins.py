"""A twin in a separate process: its start, its connection, and its end."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest

from oscilab.bench import device_named
from oscilab.errors import InvalidInput
from oscilab.wired.device import parts_of
from oscilab.wired.twins import simulated

TWIN = """\
from pathlib import Path

from oscilab.errors import InvalidInput
from oscilab.wired.twins import twin_table

class Twin:
    def __init__(self, table):
        self.table = table
        self.connection = {"imperfections": {"seed": 9}}
    @classmethod
    def start(cls, device, endpoint):
        table = twin_table(device)
        if "refuse" in table:
            raise InvalidInput(f"the twin was told to refuse by {table['refuse']}")
        return cls(table)
    def stop(self):
        if "stopped" in self.table:
            Path(self.table["stopped"]).touch()
"""


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """The example device virtual0 with a twin, found by this process and its children."""
    package = tmp_path / "packages"
    (package / "toy_twin-1.dist-info").mkdir(parents=True)
    (package / "toy_twin-1.dist-info" / "METADATA").write_text("Name: toy_twin\nVersion: 1\n")
    (package / "toy_twin-1.dist-info" / "entry_points.txt").write_text(
        "[oscilab.twins]\nvirtual = toy_twin:Twin\n"
    )
    (package / "toy_twin.py").write_text(TWIN)
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setenv("PYTHONPATH", str(package))
    source = device_named("virtual0").bench.path.read_text(encoding="utf-8")

    def with_twin(table):
        bench = tmp_path / "bench.toml"
        bench.write_text(source + f"\n[devices.virtual0.twin]\n{table}\n", encoding="utf-8")
        return device_named("virtual0", str(bench))

    return with_twin


def test_the_connection_is_the_twins_and_the_data_are_called_simulated(pair, tmp_path):
    ended = tmp_path / "ended"
    device = pair(f"stopped = {str(ended)!r}\ncalibration = 'none.toml'")
    with simulated(device) as driven:
        assert driven.table.connection == {"imperfections": {"seed": 9}}
        assert driven.table.calibration == "none.toml"
        assert driven.is_twin
        uncalibrated = replace(driven, table=driven.table.model_copy(update={"calibration": None}))
        assert parts_of(uncalibrated).is_twin
    assert ended.exists()
    assert device.table.calibration is None


def test_a_twin_that_refuses_says_why(pair):
    with pytest.raises(InvalidInput, match="did not start: the twin was told to refuse by 3"):
        simulated(pair("refuse = 3")).__enter__()


def test_a_device_without_a_twin_is_refused():
    with pytest.raises(InvalidInput, match="'virtual', which has no twin"):
        simulated(device_named("virtual0")).__enter__()
    with pytest.raises(InvalidInput, match="device sim is simulated and needs no twin"):
        simulated(device_named("sim")).__enter__()


@pytest.mark.skipif(sys.platform == "win32", reason="the owner is killed by a signal")
def test_a_twin_ends_with_an_owner_that_is_killed(pair, tmp_path):
    ended = tmp_path / "ended"
    device = pair(f"stopped = {str(ended)!r}")
    script = (
        "import sys, time\n"
        "from oscilab.bench import device_named\n"
        "from oscilab.wired.twins import simulated\n"
        f"with simulated(device_named('virtual0', {str(device.bench.path)!r})):\n"
        "    print('up', flush=True)\n"
        "    time.sleep(300)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout.readline() == "up\n"
        owner.kill()
    deadline = time.monotonic() + 60
    while not ended.exists():
        assert time.monotonic() < deadline, "the twin outlived its owner"
        time.sleep(0.05)
