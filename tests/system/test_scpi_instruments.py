"""The virtual instruments: settings, refusals, and effects on the board."""

from __future__ import annotations

import numpy as np
import pytest
from racks import described, twin_of


@pytest.fixture(scope="module")
def rack():
    """One rack for all tests, each of which begins by resetting the instruments."""
    values = described()
    values["connection"]["instruments"]["box"] = {
        "kind": "generic", "resource": "TCPIP::box::1::SOCKET", "identity": "Box",
        "outputs": ["A", "B"], "inputs": ["X"], "set": "VSET{channel} {volts}",
        "get": "VSET{channel}?", "read": "VOUT{channel}?", "upload": "WAVE{channel} ",
        "trigger": "GO{channel}", "off": "OFF",
    }  # fmt: skip
    with twin_of(values) as (twin, _):
        yield twin


@pytest.fixture
def dac(rack):
    return _fresh(rack, "dac")


@pytest.fixture
def awg(rack):
    return _fresh(rack, "awg")


@pytest.fixture
def daq(rack):
    return _fresh(rack, "daq")


def _fresh(rack, name):
    class Remote:
        def __call__(self, text):
            message = text if isinstance(text, bytes) else text.encode()
            return rack.server.do(lambda: rack.instruments[name].handle(message))

        def level(self, line):
            return rack.board.levels[rack.board.channels.output_numbers[line]]

        board = rack.board

    remote = Remote()
    remote("*RST;*CLS")
    return remote


def errors(instrument):
    found = instrument("SYST:ERR:ALL?")
    return [int(part) for part in found.split(",")[::2] if int(part)]


def block(values, order):
    data = np.asarray(values, order).tobytes()
    return b"#%d%d%s" % (len(str(len(data))), len(data), data)


def test_a_qdac2_drives_the_lines_of_its_channels(dac):
    dac("SOUR3:VOLT 1.5;:SOUR:VOLT -2,(@4,5)")
    assert [dac.level(f"dac_{n}") for n in (3, 4, 5)] == [1.5, -2, -2]
    assert dac("SOUR:VOLT? (@3:5);:SOUR3:VOLT:MODE?") == "1.5,-2,-2;FIX"
    dac("*RST")
    assert dac.level("dac_3") == 0
    assert errors(dac) == []


def test_its_low_range_is_narrower(dac):
    dac("SOUR1:RANG LOW;VOLT 3")
    assert errors(dac) == [-222]
    assert dac("SOUR1:RANG?;RANG:LOW:MAX?") == "LOW;2"


def test_a_switch_is_on_above_the_middle(dac):
    for volts, level in ((5, 1.0), (2, 0.0), (3, 1.0)):
        dac(f"SOUR24:VOLT {volts}")
        assert dac.level("dac_24") == level


def test_staged_levels_wait_for_their_trigger(dac):
    dac("SOUR:DC:TRIG:SOUR INT3,(@1,2);:SOUR:DC:TRIG:SOUR BUS,(@3)")
    dac("SOUR1:VOLT:TRIG 1;:SOUR2:VOLT:TRIG 2;:SOUR3:VOLT:TRIG 3;:SOUR:DC:INIT (@1:3)")
    assert dac.level("dac_1") == 0
    dac("TINT 3")
    assert [dac.level(f"dac_{n}") for n in (1, 2, 3)] == [1, 2, 0]
    dac("*TRG")
    assert dac.level("dac_3") == 3
    dac("SOUR1:VOLT:TRIG 4;:SOUR1:DC:INIT;ABOR")
    dac("TINT 3")
    assert dac.level("dac_1") == 1


def test_a_trace_is_played_in_the_time_that_it_takes(dac):
    dac('TRAC:DEF "w",1000')
    dac(b'TRAC:DATA "w",' + block(np.linspace(0, 2, 1000), "<f4"))
    dac('SOUR1:VOLT 1;AWG:DEF "w";COUN 3;TRIG:SOUR INT1;:SOUR1:AWG:INIT')
    assert dac("TRAC:CAT?") == '"w"'
    begin, top = dac.board.seconds, dac.board.channels.output_numbers["dac_1"]
    dac("TINT 1")
    assert dac.board.seconds - begin == pytest.approx(3e-3)
    assert dac.board.highest[top] >= 2.999
    assert dac.level("dac_1") == 1
    assert errors(dac) == []


def test_a_list_steps_with_its_dwell_and_stays_at_its_end(dac):
    dac("SOUR2:VOLT:MODE LIST;:SOUR2:LIST:DWEL 0.01;TMOD AUTO;VOLT 1,2,3;VOLT:APP 4")
    assert dac("SOUR2:LIST:POIN?;VOLT?") == "4;1,2,3,4"
    begin = dac.board.seconds
    dac("SOUR2:DC:TRIG:SOUR IMM;:SOUR2:DC:INIT")
    assert errors(dac) == []
    assert dac.board.seconds - begin == pytest.approx(0.04)
    assert dac.level("dac_2") == 4


@pytest.mark.parametrize(
    ("message", "code"),
    [(b'TRAC:DATA "none",#14abcd', -224), (b'TRAC:DEF "a",2;DATA "a",#15abcde', -161),
     (b'TRAC:DEF "a",1;DATA "a",#18abcdabcd', -223), (b"SOUR25:VOLT 1", -114),
     (b"SOUR1:VOLT 10.5", -222), (b'TRAC:DEF "a",0', -222), (b'TRAC:REM "none"', -224)],
)  # fmt: skip
def test_what_a_qdac2_refuses(dac, message, code):
    dac(message)
    assert errors(dac) == [code]


def test_a_33500_stands_at_twice_its_level_without_the_load_that_it_expects(awg):
    assert awg("OUTP1?;:SOUR1:FUNC?;VOLT:OFFS?") == "0;SIN;+0.00000000000000E+00"
    awg("SOUR1:FUNC DC;VOLT:OFFS 2;:OUTP1 ON")
    assert awg.level("awg_1") == 4
    awg("OUTP1:LOAD INF")
    assert awg.level("awg_1") == 4
    assert float(awg("VOLT:OFFS?")) == 4
    assert float(awg("OUTP1:LOAD?")) == 9.9e37
    awg("OUTP1 OFF")
    assert awg.level("awg_1") == 0
    assert errors(awg) == []


def test_high_and_low_are_offset_and_amplitude(awg):
    awg("VOLT:HIGH 3;LOW 1")
    assert [float(v) for v in awg("VOLT?;VOLT:OFFS?").split(";")] == [2, 2]
    awg("VOLT:HIGH 0.5")
    assert errors(awg) == [-221]


@pytest.mark.parametrize(
    ("command", "data"),
    [("DATA:ARB up,", block(np.linspace(-1, 1, 100), ">f4")),
     ("DATA:ARB:DAC up,", block(np.round(np.linspace(-32767, 32767, 100)), ">i2")),
     ("DATA:ARB up,", ",".join(f"{v:.5f}" for v in np.linspace(-1, 1, 100)).encode())],
)  # fmt: skip
def test_a_33500_plays_an_upload_at_its_trigger(awg, command, data):
    awg(b"SOUR1:" + command.encode() + data)
    assert awg("DATA:VOL:CAT?") == '"INT:\\BUILTIN\\EXP_RISE.ARB","UP"'
    awg("OUTP1:LOAD INF;:FUNC:ARB up;:FUNC ARB;:FUNC:ARB:SRAT 1000;:VOLT 4;VOLT:OFFS 1")
    awg("BURS:STAT ON;NCYC 2;:TRIG1:SOUR BUS;:OUTP1 ON")
    begin, line = awg.board.seconds, awg.board.channels.output_numbers["awg_1"]
    awg("*TRG")
    assert errors(awg) == []
    assert awg.board.seconds - begin == pytest.approx(0.2)
    assert awg.board.lowest[line] == pytest.approx(-1, abs=1e-3)
    assert awg.level("awg_1") == pytest.approx(3, abs=1e-3)
    awg(b"SOUR1:" + command.encode() + data)
    assert awg("SYST:ERR?") == '+786,"Specified arb waveform already exists"'


def test_a_scan_goes_up_takes_its_time_and_remembers(daq):
    daq("CONF:VOLT:DC 10,(@103,101);:VOLT:DC:NPLC 0.02,(@101,103)")
    assert daq("ROUT:SCAN?;SCAN:SIZE?") == "#214(@101,103);+2".replace("#214", "#210")
    begin = daq.board.seconds
    daq("TRIG:COUN 3;:FORM:READ:CHAN ON")
    readings = daq("READ?").split(",")
    assert daq.board.seconds - begin == pytest.approx(6 * (1 / 450 + 0.02 / 50))
    assert [int(n) for n in readings[1::2]] == [101, 103] * 3
    assert daq("DATA:POIN?;:FETC?") == "+6;" + ",".join(readings)
    assert daq("DATA:REM? 5").count(",") == 9
    assert daq("R?").startswith("#2")
    assert errors(daq) == []


def test_a_timer_spaces_scans_and_the_bus_starts_them_one_by_one(daq):
    daq("CONF:VOLT:DC (@101);:TRIG:SOUR TIM;TIM 0.5;COUN 3")
    begin = daq.board.seconds
    daq("READ?")
    assert daq.board.seconds - begin == pytest.approx(1.0 + 1 / 450 + 1 / 50)
    daq("TRIG:SOUR BUS;COUN 2;:INIT")
    assert daq("DATA:POIN?") == "+0"
    daq("*TRG")
    daq("INIT")
    assert daq("DATA:POIN?") == "+1"
    daq("*TRG;*TRG")
    assert errors(daq) == [-213, -211]


def test_a_signal_beyond_its_range_reads_as_overload(rack, dac, daq):
    line = rack.board.channels.input_numbers["daq_103"]
    assert line >= 0
    # With the largest set-point and a bias the force exceeds 100 mV.
    dac("SOUR24:VOLT 5;:SOUR11:VOLT 9;:SOUR1:VOLT 9")
    full = float(daq("MEAS:VOLT? 10,(@101)"))
    assert abs(full) > 1
    assert abs(float(daq("MEAS:VOLT? 0.1,(@101)"))) == 9.9e37
    assert float(daq("MEAS:VOLT? AUTO,(@101)")) == pytest.approx(full, rel=1e-3)


def test_digital_ports(daq):
    assert daq("SENS:DIG:DATA:BYTE? (@301)") == "+2.55000000E+02"
    daq("SOUR:DIG:DATA:BYTE 5,(@302)")
    assert daq("SOUR:DIG:DATA? (@302)") == "+5"
    assert daq("MEAS:VOLT? (@301)") is None
    assert errors(daq) == [112]


@pytest.mark.parametrize(
    ("message", "code"),
    [("INIT", 113), ("CONF:VOLT:DC (@121)", 112), ("ROUT:SCAN (@101);:FETC?", -230),
     ("VOLT:DC:NPLC 500,(@101)", -222), ("SOUR:DIG:DATA 256,(@301)", -222),
     ("ROUT:SCAN (@101);:TRIG:COUN INF;:READ?", -221)],
)  # fmt: skip
def test_what_a_daq970a_refuses(daq, message, code):
    daq(message)
    assert errors(daq) == [code]


def test_an_instrument_that_a_bench_file_describes(rack):
    box = _fresh(rack, "box")
    box("VSETA 1.5")
    box("vsetB -2.0e0")
    assert box("VSETA?") == "1.5"
    assert (box.level("box_A"), box.level("box_B")) == (1.5, -2)
    assert float(box("VOUTX?")) == 0
    box("VSETA 11")
    box("VSETC 1")
    box("NOSUCH 1")
    assert [int(box("SYST:ERR?").split(",")[0]) for _ in range(4)] == [-222, -114, -113, 0]
    box(b"WAVEA " + block([0, 1, 2, 3], ">f4"))
    box("GOA")
    assert box.level("box_A") == 3
    box("OFF")
    assert (box.level("box_A"), box.level("box_B")) == (0, 0)
    assert errors(box) == []
