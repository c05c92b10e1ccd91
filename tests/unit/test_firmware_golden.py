"""The golden transcripts, parsed and encoded by the host side of the protocol."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from firmware_golden import NAMES, golden_frames, played

from oscilab_firmware.frames import Frame, FrameParser
from oscilab_firmware.messages import (
    ANSWER,
    Capabilities,
    CodedRows,
    Credit,
    Event,
    Hello,
    Kind,
    Report,
    Status,
    codes_of,
    hello,
)
from oscilab_firmware.playing import records_of

FRAMES = [(name, frame) for name in NAMES for frame in golden_frames(name)]
GOOD = [frame for _, frame in FRAMES if frame.name != "DAMAGED"]


def parsed(golden):
    """Return the frame in a golden frame's bytes."""
    (frame,) = FrameParser().feed(golden.data)
    return frame


def test_there_are_transcripts():
    assert len(NAMES) >= 8
    assert {Kind[frame.name] for frame in GOOD} >= {Kind.HELLO, Kind.SEGMENT, Kind.READINGS}


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_is_read_and_written_again(name):
    for golden in golden_frames(name):
        if golden.name == "DAMAGED":
            continue
        frame = parsed(golden)
        expected = Kind[golden.name] | (
            0 if golden.from_host or golden.name in ("EVENT", "READINGS", "CREDIT", "ERROR")
            else ANSWER
        )  # fmt: skip
        assert frame.type == expected
        fields = golden.fields
        assert frame.session == fields["session"]
        assert frame.sequence == fields["sequence"]
        assert frame.time_ns == fields.get("time_ns", 0)
        assert frame.encoded() == golden.data


def test_what_is_damaged_is_left_out():
    damaged = [frame.data for _, frame in FRAMES if frame.name == "DAMAGED"]
    assert len(damaged) >= 4
    parser = FrameParser()
    for data in damaged:
        assert parser.feed(data) == []
    assert parser.bad >= 4
    assert len(parser.feed(GOOD[0].data)) == 1


def answers(name):
    return [frame for frame in GOOD if frame.name == name and not frame.from_host]


def agree(found, fields):
    """Check that every field of a dataclass is as in the transcript; missing fields are zero."""
    for field in dataclasses.fields(found):
        value = getattr(found, field.name)
        if isinstance(value, Status):
            agree(value, fields)
        elif not isinstance(value, (tuple, np.ndarray)):
            expected = fields.get(field.name, type(value)())
            assert value == pytest.approx(expected), field.name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("HELLO", Hello),
        ("HEARTBEAT", Status),
        ("ABORT", Status),
        ("MAKE_SAFE", Status),
        ("EVENT", Event),
        ("ERROR", Report),
        ("SEGMENT", Credit),
    ],
)
def test_what_the_device_says_is_understood(name, kind):
    assert answers(name)
    for golden in answers(name):
        agree(kind.of(parsed(golden).payload), golden.fields)


def test_capabilities_are_understood():
    (golden,) = answers("CAPABILITIES")
    frame = parsed(golden)
    found = Capabilities.of(frame.payload, frame.count)
    agree(found, golden.fields)
    assert len(found.banks) == len(golden.fields["banks"])
    for bank, fields in zip(found.banks, golden.fields["banks"], strict=True):
        agree(bank, fields)


def test_codes_are_understood():
    for golden in answers("GET_OUTPUTS") + answers("READ_INPUTS"):
        assert codes_of(parsed(golden).payload).tolist() == golden.fields["codes"]
    for golden in answers("READINGS"):
        readings = CodedRows.of(parsed(golden))
        assert readings.first_row == golden.fields["first_row"]
        assert readings.codes.ravel().tolist() == golden.fields["codes"]
        assert readings.codes.shape[1] == golden.fields["inputs"]


def test_hello_is_said_as_written():
    golden = next(frame for frame in GOOD if frame.name == "HELLO" and frame.from_host)
    fields = golden.fields
    payload = hello(fields["oldest"], fields["newest"])
    frame = Frame(Kind.HELLO, payload, fields["sequence"], fields["session"])
    assert frame.encoded() == golden.data


def test_records_mean_what_the_transcripts_do():
    """The transcript's waveform: samples 2 to 4 and 10 of eleven are read."""
    golden = [f for f in golden_frames("exchange") if f.name == "SEGMENT" and f.from_host]
    segments = [frame for frame in golden if frame.fields["exchange"] == 7]
    steps = [step for frame in segments for step in frame.fields["steps"]]
    codes = np.array([step["codes"] for step in steps if "codes" in step], np.uint16).T
    records = records_of(codes, np.array([5, 5, 1]), np.array([2, 3, 4, 10]))
    written = b"".join(parsed(frame).payload[8:] for frame in segments)
    ours, theirs = played(records.data, 2), played(written, 2)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1] == [2, 3, 4, 10]
