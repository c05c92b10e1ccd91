"""If host, line or device fails, outputs go to their safe values, by the firmware's log."""

from __future__ import annotations

import signal
import sys
import time

import pytest
from firmware_rack import AT_SAFE, TRIPPED, FirmwareRack, is_safe, needs_compiler

pytestmark = [
    needs_compiler,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals"),
]
SLEW = 40.0
MARGIN_S = 1.0
"""Margin for scheduling the firmware's process on a busy machine."""


@pytest.fixture
def rack(tmp_path):
    rack = FirmwareRack(tmp_path)
    yield rack
    rack.stop()


def sentence(process):
    _, err = process.communicate(timeout=120)
    lines = [line for line in err.splitlines() if line.startswith("oscilab: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


def test_a_host_killed_during_a_waveform(rack):
    """The heartbeat stops, and the firmware makes its outputs safe in time.

    Time is measured from the kill, which is after the last frame, to the end of the logged ramp.
    """
    timeout = 2.0
    rack.start(real_time="true", slew=SLEW, timeout=timeout)
    process = rack.train("--steps", "50")
    rack.wait_until_driven()
    process.kill()
    killed = time.monotonic()
    process.communicate()
    before = rack.written()
    assert not is_safe(before.levels())
    assert before.first(TRIPPED, 0.0) is None
    safe_at = rack.wait(lambda log: log.first(AT_SAFE, killed), "the safe state")
    assert safe_at - killed < timeout + MARGIN_S
    after = rack.written()
    assert is_safe(after.levels())
    # Within the slew limit: the ramp has at least as many steps as the limit requires.
    ramp = [at for at, output, _ in after.outputs if output == 12 and at > killed]
    assert ramp == sorted(ramp)
    assert all(at <= safe_at for at, _, _ in after.outputs)


@pytest.mark.slow
def test_the_next_session_resumes_after_a_trip(rack):
    rack.start(real_time="true", slew=SLEW, timeout=2.0)
    process = rack.train("--steps", "50")
    rack.wait_until_driven()
    process.kill()
    process.communicate()
    rack.wait(lambda log: log.first(AT_SAFE, 0.0), "the safe state")
    for word in ("safe", "read"):
        done = rack.command(word, "rack")
        out, err = done.communicate(timeout=120)
        assert done.returncode == 0, err
    assert "door" not in out
    written = rack.command("set", "rack", "ao3", "2.5")
    _, err = written.communicate(timeout=120)
    assert written.returncode == 0, err
    assert rack.written().levels()[3] == 40768


def test_ctrl_c_during_a_waveform(rack):
    rack.start(real_time="true", slew=SLEW)
    process = rack.train("--steps", "50")
    rack.wait_until_driven()
    process.send_signal(signal.SIGINT)
    assert "stopped by Ctrl-C" in sentence(process)
    assert process.returncode == 130
    assert is_safe(rack.written().levels())
    assert rack.written().first(TRIPPED, 0.0) is None


@pytest.mark.slow
def test_a_device_that_loses_power(rack):
    rack.start(real_time="true", slew=SLEW, reconnect=1.0)
    process = rack.train("--steps", "50")
    rack.wait_until_driven()
    rack.twin._process.kill()
    said = sentence(process)
    assert process.returncode == 4
    assert "did not come back within 1 s" in said


def test_a_door_that_opens_during_a_run(rack):
    rack.start(events="[{ channel = 'di0', at_s = 0.5, volts = 0.0 }]")
    process = rack.train("--steps", "50")
    said = sentence(process)
    assert process.returncode == 6, said
    assert "di0" in said
    assert is_safe(rack.written().levels())


@pytest.mark.slow
@pytest.mark.parametrize("after_ms", range(500, 620, 8))
def test_a_door_that_opens_at_any_moment(rack, after_ms):
    """Whichever call of whichever thread the trip ends, all raise the same error."""
    rack.start(events=f"[{{ channel = 'di0', at_s = {after_ms / 1e3}, volts = 0.0 }}]")
    process = rack.train("--steps", "50")
    said = sentence(process)
    assert process.returncode == 6, said
    assert "di0" in said
    assert is_safe(rack.written().levels())


@pytest.mark.slow
def test_an_open_door_refuses_the_start(rack):
    rack.start(events="[{ channel = 'di0', at_s = 0.0, volts = 0.0 }]")
    process = rack.train()
    assert "interlock door on di0 reads 0" in sentence(process)
    assert process.returncode == 6
    assert not rack.written().outputs
    safe = rack.command("safe", "rack")
    _, err = safe.communicate(timeout=120)
    assert safe.returncode == 0, err
    assert is_safe(rack.written().levels())


@pytest.mark.slow
def test_a_normal_end(rack):
    rack.start()
    process = rack.train()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert is_safe(rack.written().levels())
    assert rack.written().first(TRIPPED, 0.0) is None
