"""Messages of the live stream: round trips, and refusal of malformed ones."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oscilab.errors import InvalidInput
from oscilab.live.stream import TOPIC, Message, pack, unpack


def message(**changes):
    arrays = {
        "forces": np.arange(6, dtype=np.float32).reshape(2, 3),
        "edges": np.zeros((0, 2), np.int32),
        "nodes": np.array([np.nan, np.inf, 1.0]),
    }
    given = {"kind": "reading", "run": "r1", "number": 3, "sent": 1.5, "body": {"node": 4}}
    return Message(**{**given, "arrays": arrays, **changes})


def test_what_goes_in_comes_out():
    sent = message()
    found = unpack([bytes(frame) for frame in pack(sent)])
    assert (found.kind, found.run, found.number, found.sent) == ("reading", "r1", 3, 1.5)
    assert found.body == {"node": 4}
    for name, values in sent.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], values)
        assert found.arrays[name].dtype == values.dtype


def test_a_view_with_strides_arrives_as_it_looks():
    values = np.arange(12.0).reshape(3, 4).T[::2]
    found = unpack([bytes(frame) for frame in pack(message(arrays={"x": values}))])
    np.testing.assert_array_equal(found.arrays["x"], values)


def test_a_body_that_is_no_json_is_not_sent():
    with pytest.raises(ValueError, match="JSON"):
        pack(message(body={"loss": float("nan")}))


def header(**changes):
    text = {"version": 1, "run": "r", "number": 0, "sent": 0.0, "body": {}, "arrays": []}
    return json.dumps({**text, **changes}).encode()


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [TOPIC.encode()],
        [b"something else", header()],
        [f"{TOPIC}status".encode(), b"{"],
        [f"{TOPIC}status".encode(), b"[]"],
        [f"{TOPIC}status".encode(), b"[" * 100_000],
        [f"{TOPIC}status".encode(), header(), b"a frame too many"],
        [f"{TOPIC}status".encode(), header(body=None)],
        [f"{TOPIC}status".encode(), header(arrays=[["x", "O", [1]]]), b"12345678"],
        [f"{TOPIC}status".encode(), header(arrays=[["x", "<f8", [2]]]), b"12345678"],
        [f"{TOPIC}status".encode(), header(arrays=[["x", "<f8", [1 << 62, 4]]]), b"12345678"],
        [f"{TOPIC}status".encode(), header(arrays=[["x", "<f8"]]), b"12345678"],
        [b"\xff\xfe", header()],
    ],
)
def test_what_is_no_message_is_refused(frames):
    with pytest.raises(InvalidInput, match="cannot be read"):
        unpack(frames)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_noise_is_refused_with_a_sentence(frames):
    with pytest.raises(InvalidInput):
        unpack([f"{TOPIC}status".encode(), *frames])
