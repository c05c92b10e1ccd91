"""Parsing of frames from a stream that may be cut, damaged, or noise."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from oscilab_firmware.frames import LARGEST, Frame, FrameParser, decoded, stuffed_size

U16 = st.integers(0, 0xFFFF)
FRAMES = st.builds(
    Frame,
    type=st.integers(0, 0xFF),
    payload=st.binary(max_size=600),
    sequence=U16,
    session=st.integers(0, 0xFFFFFFFF),
    count=U16,
    time_ns=st.integers(0, 2**64 - 1),
)
CORPUS = [b"", b"\0\0\0", b"\x01\0", b"\x02\x01\0", b"\xff" * 300, b"\x19" + b"\1" * 23 + b"\0"]
"""Streams on which earlier parsers failed."""


def examples(test):
    for data in CORPUS:
        test = example(data)(test)
    return test


@examples
@given(st.binary(max_size=2000))
@settings(max_examples=150, deadline=None)
def test_noise_yields_no_frame(data):
    """A CRC-32 passes noise once in 4e9: false-alarm rate below 1e-5."""
    parser = FrameParser()
    assert parser.feed(data) == []
    assert len(parser.feed(b"\0" + Frame(7).encoded())) == 1


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(0, 4000), max_size=12))
@settings(max_examples=100, deadline=None)
def test_frames_do_not_depend_on_cuts(frames, places):
    data = b"".join(frame.encoded() for frame in frames)
    cuts = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    parser = FrameParser()
    found = [frame for begin, end in pairwise(cuts) for frame in parser.feed(data[begin:end])]
    assert found == frames
    assert parser.bad == 0


@given(FRAMES, FRAMES, st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_frame_is_never_another_one(frame, following, data):
    """After flips, losses and doublings, only sent frames come out: false-alarm rate below 1e-6."""
    sent = bytearray(frame.encoded())
    place = data.draw(st.integers(0, len(sent) - 1))
    kind = data.draw(st.sampled_from(["flip", "drop", "double", "cut"]))
    if kind == "flip":
        sent[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "drop":
        del sent[place]
    elif kind == "double":
        sent.insert(place, sent[place])
    else:
        del sent[place:]
    parser = FrameParser()
    found = parser.feed(bytes(sent) + b"\0" + following.encoded())
    assert found[-1] == following
    assert found[:-1] in ([], [frame])


@given(FRAMES)
def test_the_size_on_the_line_is_bounded(frame):
    assert len(frame.encoded()) <= stuffed_size(len(frame.payload))
    assert 0 not in frame.encoded()[:-1]


def test_a_frame_whose_length_lies_is_refused():
    frame = Frame(1, b"abcdef")
    good = frame.encoded()[:-1]
    assert decoded(good) == frame
    assert decoded(good[:-1]) is None
    assert decoded(b"") is None


def test_endless_noise_fills_no_memory():
    parser = FrameParser()
    noise = bytes(random.Random(1).choices(range(1, 256), k=1 << 16))
    for _ in range(40):
        assert parser.feed(noise) == []
        assert len(parser._rest) <= LARGEST
    assert parser.bad == 1
    assert parser.feed(b"\0" + Frame(3).encoded()) == [Frame(3)]
