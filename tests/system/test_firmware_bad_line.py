"""Whatever fails between host and firmware, executed commands and readings are correct.

A CRC of 32 bits passes a damaged frame once in 4e9, so the false-alarm rate of these tests is below
1e-5.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager

import numpy as np
import pytest
from bad_line import BadLine
from firmware_rack import CLAMPS, OUTPUTS, STEP, ZERO, FirmwareRack, needs_compiler

from oscilab.errors import DeviceFailed
from oscilab.wired.front_end import Aborted
from oscilab.wired.waveform import Waveform
from oscilab_firmware import session as session_module

pytestmark = needs_compiler
INPUTS = ["ai0", "ai1", "di0"]
DIGITAL = 14


@pytest.fixture
def rack(tmp_path):
    rack = FirmwareRack(tmp_path)
    rack.start(slew=1e7, reply=0.03)
    yield rack
    rack.stop()


@contextmanager
def line_to(rack, rate, seed=1):
    """Return a front end behind a bad line."""
    line = BadLine(rack.twin.connection["port"], rate, seed)
    front_end = rack.front_end(port=line.port)
    try:
        yield front_end, line
    finally:
        front_end.close()
        line.close()


def volts(codes):
    levels = ZERO + codes * STEP
    levels[..., DIGITAL] = codes[..., DIGITAL]
    return levels


def random_codes(count, seed):
    codes = np.random.default_rng(seed).integers(800, 64700, (count, OUTPUTS))
    codes[:, DIGITAL] %= 2
    return codes


def exactly_executed(rack, wanted):
    """Return whether the firmware made exactly the updates `wanted` `[update, output]`."""
    level = np.array([32768] * 14 + [0])
    moves = []
    for codes in wanted:
        moves += [(int(n), int(codes[n])) for n in np.flatnonzero(codes != level)]
        level = codes
    return [(output, code) for _, output, code in rack.written().outputs] == moves


def updates(rack, count, rate, seed):
    wanted = random_codes(count, seed)
    with line_to(rack, rate, seed) as (front_end, line):
        front_end.connect()
        for codes in wanted:
            front_end.set_outputs(volts(codes))
        np.testing.assert_array_equal(front_end.read_outputs(), volts(wanted[-1]))
        bad = front_end._session.status().bad_frames
    assert exactly_executed(rack, wanted)
    return line, bad


def test_updates_over_a_bad_line(rack):
    line, bad = updates(rack, 150, 0.05, 2)
    assert bad > 0
    assert sum(line.harmed.values()) > 5


@pytest.mark.slow
def test_many_updates_over_a_bad_line(rack):
    line, _ = updates(rack, 3000, 0.03, 3)
    assert min(line.harmed.values()) > 5


def clamp_waveform(steps, seed):
    """Return a waveform of clamps, whose positions are read, and the samples to read."""
    levels = np.random.default_rng(seed).uniform(-8, 8, (2, steps))
    samples = np.full(steps, 2)
    return Waveform(np.array(CLAMPS), levels, samples), np.arange(1, 2 * steps, 2)


def engaged(front_end):
    front_end.connect()
    levels = np.zeros(OUTPUTS)
    levels[DIGITAL] = 1.0
    front_end.set_outputs(levels)


def test_waveforms_over_a_bad_line(rack):
    """With small frames many are lost; every reading is as without loss."""
    waveform, read = clamp_waveform(4000, 5)
    with line_to(rack, 0.0) as (front_end, _):
        engaged(front_end)
        expected = front_end.exchange(waveform, 1e4, INPUTS, read).volts
    assert np.ptp(expected[0]) > 1
    with line_to(rack, 0.04, 6) as (front_end, line):
        engaged(front_end)
        hello = front_end._session.hello
        object.__setattr__(hello, "max_payload", 512)
        for _ in range(2):
            found = front_end.exchange(waveform, 1e4, INPUTS, read).volts
            np.testing.assert_array_equal(found, expected)
    assert sum(line.harmed.values()) > 10


def test_a_cable_that_is_unplugged_and_plugged_in_again(rack):
    """A real sample clock continues while the cable is out; those readings arrive later."""
    rack.stop()
    rack.start(real_time="true", reply=0.1)
    waveform, read = clamp_waveform(8000, 7)
    with line_to(rack, 0.0) as (front_end, _):
        engaged(front_end)
        expected = front_end.exchange(waveform, 1e4, INPUTS, read).volts
    with line_to(rack, 0.0) as (front_end, line):
        engaged(front_end)
        found = []
        playing = threading.Thread(
            target=lambda: found.append(front_end.exchange(waveform, 1e4, INPUTS, read).volts)
        )
        before = len(rack.written().outputs)
        playing.start()
        rack.wait(lambda log: len(log.outputs) > before + 1000, "playing")
        line.accepts.clear()
        line.break_off()
        line.accepts.set()
        playing.join(60)
        assert line.connections == 2
    np.testing.assert_array_equal(found[0], expected)


def test_a_cable_that_stays_away(rack):
    with line_to(rack, 0.0) as (front_end, line):
        front_end = rack.front_end(port=line.port, reconnect_s=0.3)
        front_end.connect()
        line.accepts.clear()
        line.break_off()
        # It opens, and breaks again before any frame arrives.
        with pytest.raises(DeviceFailed, match=r"did not come back within 0\.3 s"):
            front_end.pause(1000.0)
        front_end.close()


def test_abort_from_another_thread(rack):
    """The waveform would last an hour."""
    rack.stop()
    rack.start(real_time="true")
    levels = np.array([[1.0, 2.0]])
    waveform = Waveform(np.array([12]), levels, np.array([18_000_000, 18_000_000]))
    front_end = rack.front_end()
    engaged(front_end)

    def stop():
        rack.wait(lambda log: any(output == 12 for _, output, _ in log.outputs), "playing")
        assert front_end.read_inputs(INPUTS).shape == (3, 1)
        front_end.abort()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(Aborted):
        front_end.exchange(waveform, 1e4, INPUTS, np.array([35_999_999]))
    stopping.join()
    assert front_end.read_outputs()[12] == pytest.approx(1.0)
    front_end.close()


def test_a_restarted_device_is_reported_and_connected_again(rack):
    front_end = rack.front_end()
    engaged(front_end)
    port = rack.twin.connection["port"]
    rack.stop()
    rack.twin = type(rack.twin).start(rack.device, port.removeprefix("socket://"))
    with pytest.raises(DeviceFailed, match="lost its session"):
        front_end.read_outputs()
    assert (front_end.read_outputs() == 0).all()
    front_end.close()


def test_another_protocol_version_is_refused(rack, monkeypatch):
    monkeypatch.setattr(session_module, "VERSION", 2)
    with pytest.raises(DeviceFailed, match="speaks versions 1 to 1 of the protocol, this oscilab"):
        rack.front_end().connect()


def test_other_lines_than_in_the_bench_are_refused(rack):
    with pytest.raises(
        DeviceFailed, match=r"describes 20 analog outputs, .* has 14 analog outputs, 1"
    ):
        rack.front_end(analog_outputs=20).connect()
    with pytest.raises(DeviceFailed, match=r"ao0 .* 4095 steps, .* but the device has ao0 from"):
        rack.front_end(dac={"bits": 12, "step_V": 0.005}).connect()
    with pytest.raises(DeviceFailed, match=r"update_s is 0\.002"):
        rack.front_end(update_s=0.002).connect()


def test_a_missing_port(rack):
    with pytest.raises(DeviceFailed, match="cannot be opened"):
        rack.front_end(port="socket://127.0.0.1:1").connect()
