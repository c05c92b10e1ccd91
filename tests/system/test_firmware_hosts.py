"""Successive hosts, and a host with several threads."""

from __future__ import annotations

import numpy as np
import pytest
from firmware_rack import AT_SAFE, CLAMPS, OUTPUTS, FirmwareRack, is_safe, needs_compiler

from oscilab.errors import DeviceFailed
from oscilab.wired.front_end import Aborted
from oscilab.wired.waveform import Waveform
from oscilab_firmware.frames import FrameParser
from oscilab_firmware.messages import Kind

pytestmark = needs_compiler


@pytest.fixture
def rack(tmp_path):
    rack = FirmwareRack(tmp_path)
    yield rack
    rack.stop()


@pytest.fixture
def front_end(rack):
    rack.start(real_time="true")
    front_end = rack.front_end()
    front_end.connect()
    yield front_end
    front_end.close()


def with_safe(rack, volts):
    """Return a front end of a bench with another safe value."""
    bench = rack.folder / "bench.toml"
    text = bench.read_text(encoding="utf-8")
    bench.write_text(text.replace("safe = 0.5", f"safe = {volts}"), encoding="utf-8")
    return rack.front_end()


@pytest.mark.parametrize("how", ["make_safe", "set_outputs"])
def test_safe_values_that_were_changed_after_a_trip(rack, how):
    """The next host has other safe values than the one before the trip."""
    rack.start(timeout=0.2)
    before = rack.front_end()
    before.connect()
    before.set_outputs(np.array([1.0] * OUTPUTS))
    before._session.stop_heartbeat()
    rack.wait(lambda log: log.first(AT_SAFE, 0.0), "the safe state")
    before.close()
    front_end = with_safe(rack, 0.25)
    front_end.connect()
    assert front_end.read_outputs()[0] == pytest.approx(0.5)
    if how == "make_safe":
        front_end.make_safe()
        assert front_end.read_outputs()[0] == pytest.approx(0.25)
    front_end.set_outputs(np.array([2.0] * 14 + [1.0]))
    assert front_end.read_outputs()[0] == pytest.approx(2.0)
    front_end.close()


def test_a_failed_connect_leaves_the_watchdog_active(rack):
    """After a host died, a host with another bench must not stop the watchdog."""
    rack.start(real_time="true", timeout=1.0)
    before = rack.front_end()
    before.connect()
    before.set_outputs(np.array([3.0] * 14 + [0.0]))
    before._session.close(goodbye=False)
    with pytest.raises(DeviceFailed, match="max_rate_hz"):
        rack.front_end(max_rate_hz=1e6).connect()
    assert not is_safe(rack.written().levels())
    rack.wait(lambda log: log.first(AT_SAFE, 0.0), "the safe state", 10.0)
    assert is_safe(rack.written().levels())


def just_before(monkeypatch, link, kind, what):
    """Call `what` once, just before a command of that kind is sent."""
    send, left = link.send, [what]

    def sending(data):
        if left and any(frame.type == kind for frame in FrameParser().feed(data)):
            left.pop()()
        send(data)

    monkeypatch.setattr(link, "send", sending)


def test_an_abort_just_before_the_trigger(front_end, monkeypatch):
    waveform = Waveform(np.array(CLAMPS), np.ones((2, 1)), np.array([100]))
    just_before(monkeypatch, front_end._session.link, Kind.TRIGGER, front_end.abort)
    with pytest.raises(Aborted):
        front_end.exchange(waveform, 1e4, ["ai0"], np.array([99]))
    assert front_end.read_outputs()[CLAMPS[0]] == 0.0


def test_an_abort_just_before_a_pause(front_end, monkeypatch):
    """The pause of an hour that begins after the abort is aborted as well."""
    just_before(monkeypatch, front_end._session.link, Kind.PAUSE, front_end.abort)
    with pytest.raises(Aborted):
        front_end.pause(3600.0)
