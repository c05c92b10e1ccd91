"""The bench of a device with firmware: ports, lines, codes, limits, interlocks."""

from __future__ import annotations

import numpy as np
import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from oscilab.bench import device_named
from oscilab.errors import DeviceFailed, InterlockTripped, InvalidInput, OutOfLimits
from oscilab.wired.device import parts_of
from oscilab.wired.front_end import AnalogFrontEnd, FrontEndCapability
from oscilab.wired.interlocks import Interlock
from oscilab_firmware.connection import Connection
from oscilab_firmware.front_end import FirmwareFrontEnd
from oscilab_firmware.guards import allowed_codes
from oscilab_firmware.line import UsbIdentity, port_of
from oscilab_firmware.messages import Event, Kind, Refusal, Report, Status, Trip
from oscilab_firmware.trips import failure_of, sentence_of, trip_of

LINES = {"analog_outputs": 14, "analog_inputs": 4}


def connection(**changes):
    return Connection.model_validate({**LINES, **changes})


def plugged(device, vid, pid, serial):
    port = ListPortInfo(device)
    port.vid, port.pid, port.serial_number = vid, pid, serial
    return port


@pytest.fixture
def ports(monkeypatch):
    """Serial ports, as listed by pyserial."""
    there = [
        plugged("COM3", 0x2E8A, 0x000A, "E661"),
        plugged("COM7", 0x2E8A, 0x000A, "E662"),
        plugged("COM1", None, None, None),
        plugged("COM9", 0x0483, 0x5740, None),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: there)
    return there


def test_a_port_is_found_by_what_the_device_calls_itself(ports):
    assert port_of(UsbIdentity(vid=0x2E8A, pid=0x000A, serial="E662")) == "COM7"
    assert port_of(UsbIdentity(vid=0x0483, pid=0x5740)) == "COM9"
    # It is plugged in again at another port.
    ports[1].device = "COM12"
    assert port_of(UsbIdentity(vid=0x2E8A, pid=0x000A, serial="E662")) == "COM12"


def test_ports_that_cannot_be_told_apart_or_are_missing(ports):
    with pytest.raises(DeviceFailed, match=r"2 ports are .*E661 on COM3, E662 on COM7"):
        port_of(UsbIdentity(vid=0x2E8A, pid=0x000A))
    with pytest.raises(DeviceFailed, match=r"no USB device 1111:2222 \(on USB: COM3 \(2e8a:000a"):
        port_of(UsbIdentity(vid=0x1111, pid=0x2222))


def test_a_bench_says_where_the_device_is_once():
    with pytest.raises(ValueError, match="keep one of them"):
        connection(port="COM3", usb=UsbIdentity(vid=1, pid=2))
    device = device_named("mcu0")
    nowhere = {**device.table.connection, "port": None}
    with pytest.raises(InvalidInput, match="names neither port nor usb"):
        FirmwareFrontEnd.from_bench(nowhere, device.name, device.where).connect()


def test_an_unknown_key_is_refused():
    device = device_named("mcu0")
    with pytest.raises(InvalidInput, match=r"unknown key devices\.mcu0\.connection\.prot"):
        FirmwareFrontEnd.from_bench({**LINES, "prot": "COM3"}, device.name, device.where)


def test_the_examples_are_whole_and_know_their_lines_before_they_are_connected():
    for name, outputs in (("mcu0", 15), ("mcu8x8", 467)):
        parts = parts_of(device_named(name))
        assert isinstance(parts.front_end, AnalogFrontEnd)
        assert len(parts.front_end.channels.outputs) == outputs
        assert parts.limits.wired.all()
    assert FrontEndCapability.WATCHDOG in parts.front_end.capabilities
    assert parts.front_end.hardware == "serial /dev/ttyACM0"
    with pytest.raises(DeviceFailed, match="not connected"):
        parts.front_end.read_outputs()


def test_codes_and_volts():
    banks = connection().banks
    numbers = np.arange(15)
    volts = np.array([0.0, 10.0, -10.24, 1e-4, *[0.0] * 10, 1.0])
    codes = banks.output_codes(volts, numbers)
    assert codes[:4].tolist() == [32768, 64768, 0, 32768]
    assert codes[14] == 1
    np.testing.assert_allclose(banks.output_volts(codes), volts, atol=160e-6)
    steps = np.stack([volts, volts], axis=1)
    assert banks.output_codes(steps, numbers).shape == (15, 2)
    for bad in (10.24, -10.2402, np.nan, np.inf):
        volts[5] = bad
        with pytest.raises(OutOfLimits, match=f"ao5 was to be put at {bad:g}"):
            banks.output_codes(volts, numbers)


class Heard:
    """Takes down what guards tell a session."""

    class capabilities:
        max_interlocks = 2

    def limit(self, entries):
        self.limits = entries

    def interlock(self, entries):
        self.interlocks = entries


def test_limits_and_interlocks_in_codes(tmp_path):
    source = device_named("mcu0").bench.path.read_text(encoding="utf-8")
    bench = tmp_path / "bench.toml"
    text = source.replace('door = { channel = "di0", level = 1 }', 'cold = { channel = "ai0", '
        'above = 1.0, below = 4.5 }\nbeat = { channel = "di0", beats_every_s = 1.0 }')  # fmt: skip
    bench.write_text(text.replace("[-10.0, 10.0]", "[-5.0, 4.0]"), encoding="utf-8")
    device = device_named("mcu0", str(bench))
    front_end = parts_of(device).front_end
    heard = Heard()
    guards, banks = front_end._guards, front_end._banks
    guards.hand_over_limits(heard, banks)
    assert len(heard.limits) == 15
    number, lower, upper, safe, slew = heard.limits[3]
    assert (number, lower, upper, safe) == (3, 32768 - 16000, 32768 + 12800, 32768)
    assert 1e6 < slew < 1e6 * (1 + 1e-6)
    assert heard.limits[14] == (14, 0, 1, 1, 0.0)
    # Bounds themselves do not allow driving; a heartbeat is for the host to hear.
    guards.hand_over_interlocks(heard, banks, front_end.channels)
    assert heard.interlocks == [(0, 32768 + 3201, 32768 + 14399)]


@pytest.mark.parametrize(
    ("bounds", "window"),
    [({"above": 11.0}, (65535, 0)), ({"below": -11.0}, (65535, 0)), ({"above": -11.0}, (0, 65535))],
)
def test_interlocks_beyond_a_converter_s_ends(bounds, window):
    """A bound that no reading can satisfy forbids driving; it is no code that cannot be."""
    line = connection().banks.inputs[0]
    assert allowed_codes(Interlock(channel="ai0", **bounds), line) == window


def report(code, **fields):
    zero = dict.fromkeys(Report.__annotations__, 0)
    return Report(**{**zero, "channel": 0xFFFF, "code": code, **fields})


def test_refusals_are_sentences():
    banks = connection().banks
    said = sentence_of(
        report(Refusal.RANGE, channel=3, value=64768, lower=26368, upper=39168), banks, "mcu0"
    )
    assert isinstance(said, OutOfLimits)
    assert "refused 10 V on output ao3, outside its limits -2 to 2 V" in str(said)
    said = sentence_of(report(Refusal.SLEW, channel=3, value=3200, upper=320), banks, "mcu0")
    assert "a step of 1 V on output ao3, above the 0.1 V" in str(said)
    said = sentence_of(report(Refusal.INTERLOCK, channel=4, upper=1, lower=1), banks, "mcu0")
    assert isinstance(said, InterlockTripped)
    assert "di0" in str(said)
    said = sentence_of(report(Refusal.INTERLOCK, channel=0xFFFF), banks, "mcu0")
    assert isinstance(said, InterlockTripped)
    assert "an interlock was not satisfied; correct the cause, then resume" in str(said)
    said = sentence_of(report(99, refused=Kind.LIMITS), banks, "mcu0")
    assert "refused LIMITS: code 99" in str(said)
    assert "did not reach it in time" in str(failure_of(Refusal.UNDERRUN, "mcu0"))


def test_trips_are_sentences():
    banks = connection().banks
    zero = dict.fromkeys(Status.__annotations__, 0)
    door = Event(4, 4, 0, Status(**{**zero, "trip": Trip.INTERLOCK}))
    assert "interlock input di0 reads 0" in str(trip_of(door, banks, "mcu0"))
    silent = Event(4, 0xFFFF, 0, Status(**{**zero, "trip": Trip.WATCHDOG}))
    assert isinstance(trip_of(silent, banks, "mcu0"), InterlockTripped)
    assert "raise connection.heartbeat_timeout_s" in str(trip_of(silent, banks, "mcu0"))
