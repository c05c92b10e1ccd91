"""Trips of the firmware, their errors, and how driving resumes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from firmware_rack import AT_SAFE, CLAMPS, OUTPUTS, FirmwareRack, is_safe, needs_compiler

from oscilab.errors import DeviceFailed, InterlockTripped, OutOfLimits
from oscilab.wired.waveform import Waveform
from oscilab_sim.firmware.process import FirmwareProcess, host_program

pytestmark = needs_compiler
SAFE = np.array([0.5] * 14 + [1.0])


@pytest.fixture
def rack(tmp_path):
    rack = FirmwareRack(tmp_path)
    yield rack
    rack.stop()


def slowly(seconds):
    """Return a waveform of clamps at 1 V for `seconds` at 10 kHz, and the samples to read."""
    samples = round(seconds * 1e4)
    return Waveform(np.array(CLAMPS), np.ones((2, 1)), np.array([samples])), np.array([samples - 1])


def test_a_watchdog_trip_is_reported_until_the_next_connect(rack):
    rack.start(timeout=0.2)
    front_end = rack.front_end()
    front_end.connect()
    front_end.set_outputs(np.array([1.0] * 14 + [1.0]))
    front_end._session.stop_heartbeat()
    rack.wait(lambda log: log.first(AT_SAFE, 0.0), "the safe state")
    assert is_safe(rack.written().levels())
    for _ in range(2):
        with pytest.raises(InterlockTripped, match="heard nothing of its host"):
            front_end.exchange(*slowly(0.01)[:1], 1e4, ["ai0"], np.array([0]))
    # Outputs that are at their target need no driving, so a ramp to safe values succeeds.
    np.testing.assert_allclose(front_end.read_outputs(), SAFE)
    front_end.set_outputs(SAFE)
    front_end.close()
    front_end.connect()
    front_end.set_outputs(np.array([2.0] * 14 + [1.0]))
    assert front_end.read_outputs()[0] == pytest.approx(2.0)
    front_end.close()


def test_a_door_that_opens_and_closes_again(rack):
    """The trip is reported once, driving is refused while the door is open, and then resumes."""
    rack.start(
        events="[{ channel = 'di0', at_s = 1.0, volts = 0.0 }, "
        "{ channel = 'di0', at_s = 3.0, volts = 1.0 }]"
    )
    front_end = rack.front_end()
    front_end.connect()
    waveform, read = slowly(2.0)
    with pytest.raises(InterlockTripped, match="interlock input di0 reads 0"):
        front_end.exchange(waveform, 1e4, ["ai0"], read)
    assert is_safe(rack.written().levels())
    with pytest.raises(InterlockTripped, match="di0"):
        front_end.exchange(waveform, 1e4, ["ai0"], read)
    front_end.pause(3.0)
    volts = front_end.exchange(waveform, 1e4, ["di0"], read).volts
    assert volts.tolist() == [[[1.0]]]
    front_end.close()


def test_the_last_resort(rack):
    rack.start()
    front_end = rack.front_end()
    front_end.connect()
    front_end.set_outputs(np.array([3.0] * 14 + [0.0]))
    front_end.make_safe()
    np.testing.assert_allclose(front_end.read_outputs(), SAFE)
    front_end.set_outputs(np.array([3.0] * 14 + [0.0]))
    assert front_end.read_outputs()[0] == pytest.approx(3.0)
    front_end.close()


def test_the_firmware_enforces_limits(rack):
    """The layers above the driver are bypassed, so only the device checks."""
    rack.start(slew=100.0)
    front_end = rack.front_end()
    front_end.connect()
    with pytest.raises(OutOfLimits, match=r"a step of 2 V on output ao0, above the 0\.1"):
        front_end.set_outputs(np.array([2.0] * 14 + [1.0]))
    with pytest.raises(OutOfLimits, match=r"10\.1 V on output ao12, outside its limits -10 to 10"):
        front_end.exchange(
            Waveform(np.array([12]), np.array([[10.1]]), np.array([1])), 1e4, [], np.array([], int)
        )
    with pytest.raises(DeviceFailed, match="20000 samples a second; its firmware can do 10000"):
        front_end.exchange(slowly(1.0)[0], 2e4, ["ai0"], np.array([0]))
    assert not rack.written().outputs
    front_end.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_over_a_terminal_line(rack):
    """A pseudo-terminal behaves as a serial port, not as a socket."""
    process = FirmwareProcess(
        host_program(),
        ["--pty", "--child", "--analog-outputs", "14", "--analog-inputs", "4",
         "--min-period-ns", "100000"],
    )  # fmt: skip
    rack.describe(port=process.port)
    front_end = rack.front_end()
    identity = front_end.connect()
    assert identity.simulated
    front_end.set_outputs(np.ones(OUTPUTS))
    assert front_end.exchange(*slowly(0.1)[:1], 1e4, ["ai0"], np.arange(900)).volts.shape == (
        1, 1, 900,
    )  # fmt: skip
    front_end.close()
    process.stop()
