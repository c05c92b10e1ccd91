"""The front end on virtual instruments: messages sent, and their effects."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from racks import Rack, described, making_racks, twin_of

from oscilab.errors import DeviceFailed
from oscilab.wired.front_end import AnalogFrontEnd, FrontEndCapability


@pytest.fixture
def make():
    with making_racks() as build:
        yield build


@pytest.fixture
def rack(make):
    rack = make()
    rack.front_end.connect()
    return rack


def test_it_is_a_front_end_that_is_not_hardware_timed(rack):
    front_end = rack.front_end
    assert isinstance(front_end, AnalogFrontEnd)
    assert front_end.capabilities == {
        FrontEndCapability.OUTPUT_READBACK, FrontEndCapability.LIVE_INPUTS,
    }  # fmt: skip
    assert [c.name for c in front_end.channels.outputs][-3:] == ["dac_24", "awg_1", "awg_2"]
    with pytest.raises(DeviceFailed, match="point by point"):
        front_end.exchange(None, 1.0, [], np.zeros(0, np.int64))


def test_connecting_returns_the_identity_and_moves_nothing(make):
    rack = make()
    identity = rack.front_end.connect()
    assert (identity.kind, identity.simulated) == ("scpi", False)
    assert set(identity.details) == {"dac", "awg", "daq", "timing"}
    assert "a scan of all 12 inputs takes 0.012 s" in identity.details["timing"]
    assert rack.twin.board.writes == 0
    heard = " ".join(message for heard in rack.heard.values() for message in heard).upper()
    assert "*RST" not in heard
    assert "*CLS" not in heard


def test_clear_and_reset_are_sent_if_configured(make):
    rack = make({"dac": {"clear": True, "reset": True}})
    rack.front_end.connect()
    assert rack.heard["dac"][:2] == ["*CLS;*OPC?", "*RST;*OPC?"]
    assert "*CLS" not in " ".join(rack.heard["awg"])


def test_the_error_queue_is_read_after_every_write(rack):
    rack.front_end.read_outputs()
    rack.front_end.set_outputs(rack.zeros(dac_1=1.0, dac_24=1.0, awg_2=-3.0))
    rack.front_end.read_inputs(["daq_103", "daq_101", "daq_301_0"])
    for heard in rack.heard.values():
        writes = [n for n, message in enumerate(heard) if "?" not in message]
        assert writes
        assert all(heard[n + 1] == "SYST:ERR?" for n in writes)
    assert rack.levels("dac_1", "dac_24", "awg_2", "awg_1") == [1.0, 1.0, -3.0, 0.0]
    np.testing.assert_array_equal(
        rack.front_end.read_outputs(), rack.zeros(dac_1=1.0, dac_24=1.0, awg_2=-3.0)
    )


def test_only_what_changes_is_sent(rack):
    rack.front_end.read_outputs()
    rack.front_end.set_outputs(rack.zeros(dac_5=2.0))
    assert "SOUR6" not in " ".join(rack.heard["dac"])
    assert not any("VOLT:OFFS -" in m or ("OUTP" in m and "?" not in m) for m in rack.heard["awg"])


def test_a_channel_that_was_left_playing_becomes_a_level_without_a_jump(make):
    rack = make()
    awg = rack.twin.instruments["awg"]
    rack.twin.server.do(lambda: awg.handle(b"FUNC SIN;VOLT 1;VOLT:OFFS 1.5;:OUTP1 ON"))
    rack.front_end.connect()
    assert rack.front_end.read_outputs()[-2] == 3.0
    line = rack.twin.board.channels.output_numbers["awg_1"]
    rack.front_end.set_outputs(rack.zeros(awg_1=2.9))
    assert rack.levels("awg_1") == [2.9]
    assert rack.twin.board.highest[line] == 3.0
    assert rack.twin.board.lowest[line] == 0.0


def test_readings_come_in_the_requested_order(rack):
    names = ["daq_104", "daq_301_0", "daq_101", "daq_102"]
    volts = rack.front_end.read_inputs(names, 3)
    assert volts.shape == (4, 3)
    assert (volts[1] == 1.0).all()
    assert "ROUT:SCAN (@101,102,104)" in rack.heard["daq"]
    rack.front_end.set_outputs(rack.zeros(dac_24=1.0, dac_11=3.0, dac_12=-1.0))
    positions = rack.front_end.read_inputs(["daq_102", "daq_101"])[:, 0]
    assert positions[1] == pytest.approx(-3 * positions[0])


def test_the_duration_of_a_reading_counts_as_part_of_the_pause(rack):
    front_end, board = rack.front_end, rack.twin.board
    front_end.set_outputs(rack.zeros())
    begin = board.seconds
    for _ in range(10):
        front_end.read_inputs(["daq_101", "daq_102", "daq_103", "daq_104"])
        for _ in range(20):
            front_end.pause(0.005)
    front_end.read_outputs()
    assert board.seconds - begin == pytest.approx(1.0, rel=1e-3)


def test_one_trigger_lets_all_sources_change_together(make):
    two = {
        "dac": {"resource": None, "resources": ["TCPIP::a::1::SOCKET", "TCPIP::b::1::SOCKET"]},
    }
    values = described(trigger={"master": "dac1"})
    del values["connection"]["instruments"]["dac"]["resource"]
    values["connection"]["instruments"]["dac"]["resources"] = two["dac"]["resources"]
    values["connection"]["instruments"].pop("awg")
    values["wiring"] = {
        name.replace("dac", "dac1").replace("awg", "dac2"): target
        for name, target in values["wiring"].items()
    }
    with twin_of(values) as (twin, device):
        rack = Rack(twin, device)
        rack.front_end.connect()
        rack.front_end.read_outputs()
        before = twin.board.writes
        rack.front_end.set_outputs(rack.zeros(dac1_1=1.0, dac1_24=1.0, dac2_1=-1.0, dac2_12=2.0))
        assert rack.levels("dac1_1", "dac1_24", "dac2_1", "dac2_12") == [1.0, 1.0, -1.0, 2.0]
        assert twin.board.writes == before + 1
        assert "TINT 1" in rack.heard["dac1"]
        assert "TINT 1" not in rack.heard["dac2"]
        rack.front_end.set_outputs(rack.zeros(dac1_1=1.0, dac1_24=1.0, dac2_1=0.5, dac2_12=2.0))
        assert rack.levels("dac2_1") == [0.5]
        assert rack.heard["dac1"].count("TINT 1") == 1
        rack.front_end.close()


def test_waveforms_of_several_instruments_begin_at_one_trigger(make):
    rack = make(trigger={"master": "dac"})
    rack.front_end.connect()
    dac, awg = (rack.front_end.instruments[name] for name in ("dac", "awg"))
    seconds = 0.001
    up, down = np.linspace(0, 2, 1000), np.linspace(3, -3, 100)
    dac.upload(4, up)
    awg.upload(1, down, len(down) / seconds)
    begin, board = rack.twin.board.seconds, rack.twin.board
    numbers = board.channels.output_numbers
    assert board.highest[numbers["dac_5"]] == 0
    dac.fire()
    assert board.seconds - begin == pytest.approx(seconds)
    assert board.highest[numbers["dac_5"]] == pytest.approx(2, abs=1e-6)
    assert board.highest[numbers["awg_2"]] == pytest.approx(3, abs=1e-6)
    assert board.lowest[numbers["awg_2"]] == pytest.approx(-3, abs=1e-6)
    assert rack.levels("dac_5", "awg_2") == pytest.approx([0, -3])


def test_the_last_resort_switches_everything_off(rack):
    rack.front_end.set_outputs(rack.zeros(dac_1=5.0, dac_24=1.0, awg_1=4.0, awg_2=-4.0))
    rack.front_end.make_safe()
    assert not rack.twin.board.levels.any()


def test_threads_may_read_while_another_sets(rack):
    front_end, failed = rack.front_end, []
    front_end.read_outputs()

    def read():
        try:
            for _ in range(30):
                volts = front_end.read_inputs(["daq_301_0"])
                assert volts[0, 0] == 1.0
        except (DeviceFailed, AssertionError) as error:
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for step in range(30):
        front_end.set_outputs(rack.zeros(dac_1=step / 10, awg_1=-step / 10))
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert rack.levels("dac_1", "awg_1") == [2.9, -2.9]


def test_an_abort_ends_a_pause_of_the_computer_s_clock():
    from oscilab.wired.front_end import Aborted
    from oscilab_visa.rack import HostClock

    clock = HostClock()
    begin = clock.now()
    threading.Timer(0.05, clock.interrupt).start()
    with pytest.raises(Aborted):
        clock.wait(120.0)
    assert clock.now() - begin < 60
    clock.wait(0.001)
