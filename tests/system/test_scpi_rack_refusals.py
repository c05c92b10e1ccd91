"""Refusals of a rack before anything is driven, because of its bench file or instruments."""

from __future__ import annotations

import pytest
from racks import described, device_of, making_racks

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.wired.device import open_front_end


@pytest.fixture
def make():
    with making_racks() as build:
        yield build


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
