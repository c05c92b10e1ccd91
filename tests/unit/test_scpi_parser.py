"""Program messages: frames, headers, parameters, and robustness against any input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscilab_sim.scpi.errors import ErrorQueue, ScpiError
from oscilab_sim.scpi.instrument import Instrument, Setting, SettingsTable
from oscilab_sim.scpi.message import Call, Framer, Kind, Overrun, commands

PIECES = st.sampled_from([
    b"*IDN?", b":", b";", b"\n", b"\r\n", b" ", b",", b"?", b"#", b"#0", b"#15abcde", b"#9",
    b"#H1F", b'"', b"'", b"(@1:3)", b"(@", b")", b"VOLT", b"SOUR1", b"volt:lev", b"1e99999",
    b"-1.5E-3", b"MV", b"MIN", b"INF", b"NAN", b"SYST:ERR?", b"\0", b"\xff\xfe", b"9" * 300,
    b"A" * 40,
])  # fmt: skip
NOISE = st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=30).map(b"".join)


class Source(Instrument):
    """A small instrument with a level per channel, a name and a block."""

    def __init__(self):
        super().__init__("Example,SOURCE,1,1.0")
        self.settings = SettingsTable(self.tree, (1, 2, 3), lists=True)
        self.settings.add(
            Setting("level", "[SOURce#]:VOLTage[:LEVel]", 0.0, unit="V", low=-10.0, high=10.0)
        )
        self.settings.add(Setting("mode", "SOURce#:MODE", "FIX", "word", choices=("FIXed", "LIST")))
        self.settings.add(Setting("on", "OUTPut#[:STATe]", 0.0, "boolean"))
        self.block = None
        self.tree.add("DATA", self.load)

    def load(self, call: Call) -> None:
        call.expect(1, 100)
        self.block = call.numbers(0)

    def reset(self):
        self.settings.reset()


def one(message):
    (command,) = commands(message)
    return command


def errors_of(instrument):
    return [code for code, _ in iter(instrument.errors.pop, (0, "No error"))]


@given(NOISE, st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_an_instrument(noise, size):
    """It works as before after any bytes in any pieces."""
    whole, cut = Source(), Source()
    framer = Framer(most_text=400, most_block=4000)
    for message in Framer(most_text=400, most_block=4000).feed(noise + b"\n"):
        whole.handle(message)
    for begin in range(0, len(noise) + 1, size):
        for message in framer.feed((noise + b"\n")[begin : begin + size]):
            cut.handle(message)
    assert errors_of(whole) == errors_of(cut)
    for instrument in (whole, cut):
        assert instrument.handle(b"*IDN?") == "Example,SOURCE,1,1.0"
        assert instrument.handle(b"*RST;VOLT 1.25;VOLT?") == "1.25"


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=8))
def test_frames_are_lines(lines):
    text = [line for line in lines if b"#" not in line]
    found = Framer().feed(b"".join(line + b"\n" for line in text))
    assert found == text


@given(st.binary(max_size=300), st.integers(1, 50))
def test_blocks_hold_any_byte(data, size):
    length = str(len(data)).encode()
    message = b'DATA "x",#' + str(len(length)).encode() + length + data
    framer, found = Framer(), []
    sent = message + b"\n*OPC?\n"
    for begin in range(0, len(sent), size):
        found += framer.feed(sent[begin : begin + size])
    assert found == [message, b"*OPC?"]
    assert one(message).parameters[1].data == data


@given(st.floats(-1e30, 1e30), st.sampled_from(["{!r}", "{:.6e}", "{:+E}", " {:f} "]))
def test_numbers_in_every_format(value, form):
    text = form.format(value)
    assert Call(one(b"VOLT " + text.encode()).parameters, False).number(0) == float(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("500 mV", 0.5), ("500MV", 0.5), (".5V", 0.5), ("+5.E-1", 0.5), ("#HA", 10), ("#B11", 3),
     ("#q11", 9), ("MAX", 10), ("minimum", -10), ("1 e 1", 10)],
)  # fmt: skip
def test_a_value_and_its_unit(text, value):
    source = Source()
    source.handle(f"SOUR:VOLT {text}".encode())
    assert errors_of(source) == []
    assert source.settings.get("level", 1) == value


@pytest.mark.parametrize(
    "header",
    ["SOUR2:VOLT", "source2:voltage", "Sour2:Volt:Level", ":SOUR2:VOLTAGE:LEV", "sOUR2:vOLT:lEV"],
)
def test_short_and_long_forms_in_any_case(header):
    source = Source()
    assert source.handle(f"{header} 2.5;:{header.removeprefix(':')}?".encode()) == "2.5"
    assert source.settings.get("level", 2) == 2.5


def test_a_path_goes_on_behind_a_semicolon_and_a_colon_leaves_it():
    assert [c.header for c in commands(b"SOUR2:VOLT:LEV 1;LEV?;*CLS;LEV 2;:OUTP ON")] == [
        "SOUR2:VOLT:LEV", "SOUR2:VOLT:LEV", "*CLS", "SOUR2:VOLT:LEV", "OUTP",
    ]  # fmt: skip


def test_answers_of_one_message_are_joined():
    source = Source()
    assert source.handle(b"VOLT 1,(@1:3);:SOUR2:VOLT 2;:VOLT? (@3,1:2);*OPC?") == "1,1,2;1"


@pytest.mark.parametrize(
    ("message", "code"),
    [("VOLTS 1", -113), ("VOLT", -109), ("VOLT 1,(@1),3", -108), ("VOLT 11", -222),
     ("VOLT 1 A", -131), ("VOLT ABC", -141), ('VOLT "1"', -104), ("SOUR9:VOLT 1", -114),
     ("VOLT 1,(@9)", -222), ("VOLT 1,(@1:)", -171), ("VOLT 1 2", -103), ("VOLT (@1", -171),
     ("SOUR:MODE ELSE", -224), ("VOLT #15", -161), ('DATA "abc', -151), ("1VOLT 1", -102),
     ("VERYLONGMNEMONIC 1", -112), ("VOLT 1E999999", -123), ("VOLT 1E9999", -222),
     ("DATA #13abc", -161), ("VOLT\xff", -101), ("SYST:ERR 1", -113)],
)  # fmt: skip
def test_what_is_wrong_has_the_code_of_scpi(message, code):
    source = Source()
    assert source.handle(message.encode("latin-1")) is None
    assert errors_of(source) == [code]
    assert int(source.handle(b"*ESR?")) & (32 if code > -200 else 16)


def test_a_command_error_ends_the_message_and_another_error_does_not():
    source = Source()
    assert source.handle(b"VOLT 1;NOSUCH 2;:VOLT 3") is None
    assert source.settings.get("level", 1) == 1
    assert source.handle(b"VOLT 99;:VOLT?") == "1"
    assert errors_of(source) == [-113, -222]


def test_a_full_queue_says_that_more_was_lost():
    queue = ErrorQueue(3)
    for code in (-101, -102, -103, -104, -108):
        queue.push(ScpiError(code))
    assert [queue.pop()[0] for _ in range(4)] == [-101, -102, -350, 0]


def test_a_long_line_is_dropped_to_its_end():
    framer = Framer(most_text=100)
    found = framer.feed(b"VOLT " + b"1" * 5000)
    assert found == [Overrun()]
    assert framer.feed(b"1" * 5000 + b"\n*OPC?\n") == [b"*OPC?"]
    source = Source()
    source.handle(Overrun())
    assert errors_of(source) == [-363]


def test_a_block_too_large_is_not_waited_for():
    framer = Framer(most_block=1000)
    assert framer.feed(b"DATA #9999999999") == [Overrun()]
    assert framer.feed(b"\n*OPC?\n") == [b"*OPC?"]


@pytest.mark.parametrize("order", [">f4", "<f4"])
def test_blocks_of_numbers(order):
    values = np.linspace(-1, 1, 33).astype(order)
    data = values.tobytes()
    call = Call(one(b"DATA #3%03d%s" % (len(data), data)).parameters, False)
    np.testing.assert_array_equal(call.numbers(0, swapped=order == "<f4"), values)
    assert one(b"DATA #0" + data).parameters[0].kind is Kind.BLOCK


def test_registers_and_reset():
    source = Source()
    assert source.handle(b"*ESR?;*ESR?") == "128;0"
    source.handle(b"*ESE 36;*SRE 32;NOSUCH")
    assert int(source.handle(b"*STB?")) == 32 + 4 + 64
    assert source.handle(b"*ESE?;*SRE?;*OPC?;*TST?") == "36;32;1;0"
    source.handle(b"*OPC")
    assert int(source.handle(b"*ESR?")) == 33
    source.handle(b"SOUR2:VOLT 5;MODE LIST;:OUTP3 ON;*RST")
    assert source.handle(b"SOUR2:VOLT?;MODE?;:OUTP3?") == "0;FIX;0"
    assert source.handle(b"SYST:ERR:COUN?;ALL?;NEXT?") == '1;-113,"Undefined header";0,"No error"'
    assert source.handle(b"VOLT? MAX") == "10"
