"""What an operator does beside a run, when things are not as they should be."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.cli.main import main
from oscilab.errors import DeviceBusy, DeviceFailed
from oscilab.wired import lock, operate
from oscilab.wired.lock import DeviceLock, lock_path
from oscilab.wired.operate import make_device_safe, read_device

ORPHAN = """
import os, sys, time
from oscilab.wired.lock import DeviceLock
lock = DeviceLock(sys.argv[1], "rack")
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
"""
"""Dies with the lock taken, and leaves a child behind that keeps it."""
BENCH = """\
schema = 1
[devices.rack]
array = "wired"
front_end = "virtual"
topology = {{ kind = "all-to-all", rows = 1, columns = 2 }}
terms = ["bias", "stiffness", "quartic", "coupling"]
wiring = {{ in_order = true }}
{more}
[devices.rack.connection]
levels_file = {levels!r}
pace = 1.0
[devices.rack.limits]
outputs = {{ range = [-10.0, 10.0], slew = 20.0, safe = 0.5 }}
clamp_enable = {{ safe = true }}
"""


def bench(folder, more=""):
    path = folder / "bench.toml"
    path.write_text(BENCH.format(levels=str(folder / "levels.bin"), more=more))
    return ["--bench", str(path)]


def levels(folder):
    return np.fromfile(folder / "levels.bin", np.float64)


def shared(folder):
    return pair(folder, connection={"levels_file": str(folder / "levels.bin")})


def test_safe_needs_no_calibration(tmp_path, capsys):
    (tmp_path / "lost.toml").write_text("half a cali")
    assert main(["safe", "rack", *bench(tmp_path, 'calibration = "lost.toml"')]) == 0
    assert "10 outputs are at their safe values" in capsys.readouterr().out
    assert levels(tmp_path).tolist() == [0.5] * 9 + [1.0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process here leaves its locks to a child")
def test_safe_does_not_trip_over_a_holder_that_is_gone(tmp_path, monkeypatch):
    device = shared(tmp_path)
    orphans = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path / "levels.bin")], start_new_session=True
    )
    try:
        assert orphans.wait() == 0
        monkeypatch.setattr(operate, "PATIENCE_S", 0.1)
        with pytest.raises(DeviceBusy, match=f"process {orphans.pid} did not release"):
            make_device_safe(device)
    finally:
        os.killpg(orphans.pid, signal.SIGKILL)


def test_safe_does_not_end_the_process_that_asks(tmp_path):
    device = shared(tmp_path)
    array = opened(device)
    with pytest.raises(DeviceBusy, match="driven by this very process"):
        make_device_safe(device)
    array.close()


def test_all_of_a_users_processes_meet_at_one_lock(monkeypatch, tmp_path):
    here = lock_path("boards")
    for name in ("USER", "USERNAME", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    if os.name != "nt":
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
    assert lock_path("boards") == here


def test_a_lock_that_cannot_be_made_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(lock, "_folder", lambda: tmp_path / "file")
    with pytest.raises(DeviceFailed, match="keeps two processes from driving one device"):
        DeviceLock("boards", "rack")


def test_sigterm_while_one_output_is_set_makes_all_safe(tmp_path, capsys):
    def end_when_it_moves():
        while not (tmp_path / "levels.bin").exists() or levels(tmp_path)[3] < 1.0:
            time.sleep(0.001)
        signal.raise_signal(signal.SIGTERM)

    make_safe = ["safe", "rack", *bench(tmp_path)]
    assert main(make_safe) == 0
    threading.Thread(target=end_when_it_moves, daemon=True).start()
    assert main(["set", "rack", "ao3", "9.0", *bench(tmp_path)]) == 143
    assert "stopped by SIGTERM" in capsys.readouterr().err
    assert levels(tmp_path).tolist() == [0.5] * 9 + [1.0]


def test_a_plan_says_what_driving_will_do():
    array = opened(pair(interlocks={"door": {"channel": "di0", "level": 0}}))
    plan = array.plan(points=2_000_000, played=300.0)
    assert plan["outputs"].startswith("10, ao0 to do0, go to their safe values")
    assert plan["volts"] == "at most 10 V, at most 1e+06 V/s"
    # A sample of 0.1 us for each point, and 300 relaxation times of 10 ms.
    assert plan["driving"] == "3.2 s or more, at most 1e+07 samples/s"
    assert plan["interlocks"] == "door, looked at after every waveform"
    assert "no calibration" in plan["mind"]
    assert set(plan) == {"outputs", "volts", "driving", "interlocks", "mind"}


def test_a_device_is_read_line_by_line(tmp_path):
    found = {line.channel: line for line in read_device(shared(tmp_path))}
    assert len(found) == 10 + 4
    assert found["ao0"].target == "bias[0]"
    assert (found["ao0"].volts, found["ao0"].value) == (0.0, 0.0)
    assert found["do0"].value is None
    assert found["ai0"].target == "position[0]"
