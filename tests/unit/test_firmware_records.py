"""Waveforms as records, compared with their expansion to samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from firmware_golden import played
from hypothesis import given, settings
from hypothesis import strategies as st

from oscilab.errors import DeviceFailed
from oscilab_firmware.playing import HELD, LONGEST, Exchange, records_of


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_records_say_what_the_waveform_does(data):
    samples = np.array(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=8)))
    lines = data.draw(st.integers(1, 3))
    codes = np.random.default_rng(0).integers(0, 65536, (lines, len(samples)), np.uint16)
    total = int(samples.sum())
    read = np.array(sorted(data.draw(st.sets(st.integers(0, total - 1)))), np.int64)
    records = records_of(codes, samples, read)
    levels, found = played(records.data, lines)
    assert found == read.tolist()
    np.testing.assert_array_equal(levels, np.repeat(codes, samples, axis=1))


@given(st.integers(1, 60), st.integers(8, 80))
def test_pieces_are_whole_records_in_order(steps, largest):
    codes = np.arange(steps, dtype=np.uint16)[np.newaxis]
    records = records_of(codes, np.full(steps, 3), np.arange(1, 3 * steps, 5))
    pieces = list(records.pieces(largest))
    assert b"".join(data for _, _, data in pieces) == records.data
    assert [first for first, _, _ in pieces] == np.cumsum(
        [0, *(count for _, count, _ in pieces[:-1])]
    ).tolist()
    assert sum(count for _, count, _ in pieces) == records.count
    assert all(len(data) <= largest or count == 1 for _, count, data in pieces)


def test_bytes_are_counted_on_through_repeats():
    records = records_of(np.zeros((2, 2), np.uint16), np.array([3, 1]), np.array([1]))
    assert records.count == 3
    assert [records.bytes_before(n) for n in range(5)] == [0, 12, 20, 32, 44]


def test_a_step_longer_than_a_record_is_cut():
    codes = np.zeros((1, 1), np.uint16)
    records = records_of(codes, np.array([2 * LONGEST + 5]), np.array([2 * LONGEST + 4]))
    words = np.frombuffer(records.data, "<u2")
    assert records.count == 3
    assert words[5:].view("<u4").tolist() == [
        LONGEST | HELD, 0, 5 | HELD, 1
    ]  # fmt: skip


def test_a_waveform_too_long_to_announce_is_refused():
    """Counts have 32 bits on the line; larger ones are refused, not truncated."""
    records = records_of(np.array([[1, 2]], np.uint16), np.array([5, 5]), np.array([9]))
    exchange = Exchange(7, records, 1, 1000, [0], [1], rows=1)
    assert len(exchange.announcement(sends=1 << 27)) == 28
    with pytest.raises(DeviceFailed, match=r"5368709120 bytes.*4294967295"):
        exchange.announcement(sends=1 << 28)
    with pytest.raises(DeviceFailed, match=r"4294967296 repeats.*4294967295"):
        replace(exchange, repeats=1 << 32).announcement(sends=1)
