"""The front end over virtual instruments: what it sends, what arrives, what it refuses."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from racks import described, device_of, twin_of

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.wired.front_end import AnalogFrontEnd, FrontEndCapability
from oscilab.wired.opening import open_front_end
from oscilab_sim.scpi.errors import ScpiError

SILENCE_S = 5.0
"""What a test of silence waits; nothing else takes as long, even on a busy machine."""


class Rack:
    """A twin, the front end that talks to it, and every message that its instruments got."""

    def __init__(self, twin, device):
        self.twin, self.device = twin, device
        self.front_end = open_front_end(device)
        self.heard = {name: [] for name in twin.instruments}
        for name, instrument in twin.instruments.items():
            self._overhear(name, instrument)

    def _overhear(self, name, instrument):
        handle = instrument.handle

        def overhear(message):
            self.heard[name].append(message.decode("latin-1"))
            return handle(message)

        instrument.handle = overhear

    def levels(self, *names):
        numbers = self.twin.board.channels.output_numbers
        return [float(self.twin.board.levels[numbers[name]]) for name in names]

    def zeros(self, **levels):
        volts = np.zeros(len(self.front_end.channels.outputs))
        for name, value in levels.items():
            volts[self.front_end.channels.output_numbers[name]] = value
        return volts

    def silence(self, name):
        """The instrument takes messages and never answers."""
        self.twin.instruments[name].handle = lambda message: None


@pytest.fixture
def make(request):
    """Builds racks; `changes` are to the connection table."""
    stack = []

    def build(instruments=None, **changes):
        values = described(**changes)
        for name, keys in (instruments or {}).items():
            values["connection"]["instruments"].setdefault(name, {}).update(keys)
        twin = twin_of(values)
        rack = Rack(*twin.__enter__())
        stack.append((twin, rack))
        return rack

    yield build
    for twin, rack in stack:
        rack.front_end.close()
        twin.__exit__(None, None, None)


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


def test_connecting_says_who_is_there_and_drives_nothing(make):
    rack = make()
    identity = rack.front_end.connect()
    assert (identity.kind, identity.simulated) == ("scpi", False)
    assert set(identity.details) == {"dac", "awg", "daq", "timing"}
    assert "a scan of all 12 inputs takes 0.012 s" in identity.details["timing"]
    assert rack.twin.board.writes == 0
    heard = " ".join(message for heard in rack.heard.values() for message in heard).upper()
    assert "*RST" not in heard
    assert "*CLS" not in heard


def test_clear_and_reset_come_where_told(make):
    rack = make({"dac": {"clear": True, "reset": True}})
    rack.front_end.connect()
    assert rack.heard["dac"][:2] == ["*CLS;*OPC?", "*RST;*OPC?"]
    assert "*CLS" not in " ".join(rack.heard["awg"])


def test_every_write_is_followed_by_a_look_at_the_error_queue(rack):
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


def test_readings_come_in_the_order_that_was_asked_for(rack):
    names = ["daq_104", "daq_301_0", "daq_101", "daq_102"]
    volts = rack.front_end.read_inputs(names, 3)
    assert volts.shape == (4, 3)
    assert (volts[1] == 1.0).all()
    assert "ROUT:SCAN (@101,102,104)" in rack.heard["daq"]
    rack.front_end.set_outputs(rack.zeros(dac_24=1.0, dac_11=3.0, dac_12=-1.0))
    positions = rack.front_end.read_inputs(["daq_102", "daq_101"])[:, 0]
    assert positions[1] == pytest.approx(-3 * positions[0])


def test_what_reading_takes_counts_as_part_of_the_pause(rack):
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


@pytest.mark.parametrize(
    ("name", "identity", "sentence"),
    [("dac", "Keysight Technologies,33512B,MY1,1", "says that it is 'Keysight .* not a QDAC-II"),
     ("awg", "QDevil, QDAC-II, A1, 1-2.3", "not a 335 or 336"),
     ("daq", "HEWLETT-PACKARD,34970A,0,9-1-2", "not a DAQ970A or DAQ973A"),
     ("daq", "nonsense", "says that it is 'nonsense'")],
)  # fmt: skip
def test_another_instrument_than_the_bench_file_says(make, name, identity, sentence):
    rack = make()
    rack.twin.instruments[name].identity = identity
    with pytest.raises(DeviceFailed, match=f"instrument {name} at TCPIP.*{sentence}"):
        rack.front_end.connect()
    assert rack.twin.board.writes == 0


def test_another_serial_number_module_or_range(make):
    rack = make({"dac": {"serial": "A1"}})
    rack.twin.instruments["dac"].identity = "QDevil, QDAC-II, A2, 1-2.3"
    with pytest.raises(DeviceFailed, match="serial number A2, not A1"):
        rack.front_end.connect()
    rack = make()
    rack.twin.instruments["daq"]._modules[1] = "DAQM901A"
    with pytest.raises(DeviceFailed, match="in slot 1, not the DAQM900A"):
        rack.front_end.connect()
    rack = make()
    rack.twin.server.do(lambda: rack.twin.instruments["dac"].handle(b"SOUR3:RANG LOW"))
    with pytest.raises(DeviceFailed, match="channel 3 in its low range, not the high one"):
        rack.front_end.connect()


def test_an_instrument_that_is_not_there(make):
    rack = make()
    rack.twin.server.switch_off(rack.twin.instruments["awg"])
    with pytest.raises(DeviceFailed, match=r"instrument awg at TCPIP.* did not answer to '\*IDN"):
        rack.front_end.connect()
    with pytest.raises(DeviceFailed, match="not connected"):
        rack.front_end.read_inputs(["daq_101"])


def test_an_error_in_the_queue_has_its_code_and_command(rack):
    rack.front_end.read_outputs()
    dac = rack.twin.instruments["dac"]
    handle = dac.handle

    def refuse(message):
        if b"VOLT 1.0" in message:
            dac.note(ScpiError(-222))
            dac.note(ScpiError(-221))
        return handle(message)

    dac.handle = refuse
    with pytest.raises(
        DeviceFailed, match=r"instrument dac .* -222 'Data out of range' and 1 more errors after"
    ):
        rack.front_end.set_outputs(rack.zeros(dac_1=1.0))
    rack.front_end.set_outputs(rack.zeros(dac_1=2.0))
    assert rack.levels("dac_1") == [2.0]


@pytest.mark.slow
def test_a_question_that_an_instrument_does_not_understand(make):
    rack = make(timeout_s=SILENCE_S)
    rack.front_end.connect()
    with pytest.raises(DeviceFailed, match="error -113 'Undefined header' after 'NOSUCH:HEADER"):
        rack.front_end._links["dac"].ask("NOSUCH:HEADER?")
    assert rack.front_end._links["dac"].ask("*OPC?") == "1"


@pytest.mark.slow
def test_a_silent_instrument_is_lost_once_and_the_others_are_put_off(make):
    rack = make(timeout_s=SILENCE_S)
    rack.front_end.connect()
    rack.front_end.set_outputs(rack.zeros(dac_1=5.0, awg_1=4.0))
    rack.silence("dac")
    with pytest.raises(DeviceFailed, match=r"dac .* 'SOUR:VOLT\?.*no answer within 5 s"):
        rack.front_end.read_outputs()
    with pytest.raises(DeviceFailed, match="every other instrument of rack is off"):
        rack.front_end.make_safe()
    assert rack.levels("dac_1", "awg_1") == [5.0, 0.0]


def test_an_answer_that_was_not_waited_for_is_not_taken_for_the_next(rack):
    """As when Ctrl-C falls into a read: the line is made anew."""
    link = rack.front_end._links["dac"]
    resource = link._opened()
    read = resource.read

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    resource.read = interrupted
    with pytest.raises(KeyboardInterrupt):
        link.ask("*IDN?")
    resource.read = read
    assert link.ask("*OPC?") == "1"


def test_an_abort_ends_a_pause_of_the_computer_s_clock():
    from oscilab.wired.front_end import Aborted
    from oscilab_visa.clock import HostClock

    clock = HostClock()
    begin = clock.now()
    threading.Timer(0.05, clock.interrupt).start()
    with pytest.raises(Aborted):
        clock.wait(120.0)
    assert clock.now() - begin < 60
    clock.wait(0.001)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"dac": {"channels": "1:25"}}, "channels 1 to 24, not 25"),
     ({"dac": {"channels": "1,1"}}, "names a channel twice"),
     ({"dac": {"channels": "all"}}, "must be numbers such as 1:3,7"),
     ({"dac": {"resources": ["TCPIP::a::1::SOCKET"]}}, "either resource or resources"),
     ({"awg": {"channels": "3"}}, "there are 1 and 2"),
     ({"daq": {"inputs": "121"}}, "no input 121 on its modules .inputs: 101 to 120"),
     ({"daq": {"modules": {"4": "DAQM900A"}}}, "slot '4'"),
     ({"daq": {"modules": {"1": "DAQM90A"}}}, "known: DAQM900A, DAQM901A"),
     ({"daq": {"range_V": 5.0}}, "the ranges are 0.1, 1, 10"),
     ({"box": {"kind": "generic", "resource": "x", "identity": "B", "outputs": ["A"]}},
      "need the commands set and off"),
     ({"box": {"kind": "generic", "resource": "x", "identity": "B", "inputs": ["A"],
               "read": "V{volt}?"}}, "knows {channel}, not {volt}"),
     ({"box": {"kind": "oscilloscope", "resource": "x"}}, "must be one of")],
)  # fmt: skip
def test_mistakes_in_a_bench_file(change, sentence):
    values = described()
    for name, keys in change.items():
        values["connection"]["instruments"].setdefault(name, {}).update(keys)
    with pytest.raises(InvalidInput, match=sentence):
        open_front_end(device_of(values))


def test_a_master_that_is_none():
    with pytest.raises(InvalidInput, match="must be a QDAC-II of the rack; those are: dac"):
        open_front_end(device_of(described(trigger={"master": "daq"})))
