"""Instruments of a rack that report errors, fall silent, or are interrupted."""

from __future__ import annotations

import pytest
from racks import SILENCE_S, making_racks

from oscilab.errors import DeviceFailed
from oscilab_sim.scpi.errors import ScpiError


@pytest.fixture
def make():
    with making_racks() as build:
        yield build


@pytest.fixture
def rack(make):
    rack = make()
    rack.front_end.connect()
    return rack


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
        rack.front_end.rack.links["dac"].ask("NOSUCH:HEADER?")
    assert rack.front_end.rack.links["dac"].ask("*OPC?") == "1"


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
    """After Ctrl-C during a read the connection is reopened."""
    link = rack.front_end.rack.links["dac"]
    resource = link._opened()
    read = resource.read

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    resource.read = interrupted
    with pytest.raises(KeyboardInterrupt):
        link.ask("*IDN?")
    resource.read = read
    assert link.ask("*OPC?") == "1"
