"""Random streams depend on seed and reading, and are saved in a fixed number of bytes."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab_sim.streams import RandomStreams


def test_the_same_seed_gives_the_same_streams():
    first, second = RandomStreams(3), RandomStreams(3)
    for _ in range(3):
        one, two = first.next(), second.next()
        np.testing.assert_array_equal(one.copy_states(10), two.copy_states(10))
        np.testing.assert_array_equal(one.normals().random(5), two.normals().random(5))


def test_readings_of_another_size_do_not_disturb_the_next():
    small, large = RandomStreams(3), RandomStreams(3)
    small.next().copy_states(1)
    large.next().copy_states(1000)
    np.testing.assert_array_equal(small.next().copy_states(5), large.next().copy_states(5))


def test_more_copies_begin_with_the_same_copies():
    few, many = RandomStreams(3).next().copy_states(5), RandomStreams(3).next().copy_states(500)
    np.testing.assert_array_equal(few, many[:, :5])


def test_copies_and_readings_start_in_different_states():
    streams = RandomStreams(0)
    states = np.concatenate([streams.next().copy_states(500) for _ in range(20)], axis=1)
    assert len(np.unique(states, axis=1).T) == 10000


def test_the_array_noise_is_apart_from_the_copies():
    stream = RandomStreams(0).next()
    words = stream.normals().bit_generator.random_raw(200)
    assert not np.isin(words.view(np.uint32), stream.copy_states(100)).any()


def test_restores_what_was_saved():
    streams = RandomStreams(8)
    streams.next()
    state = streams.save()
    expected = streams.next().copy_states(4)
    other = RandomStreams(1)
    other.restore(state)
    np.testing.assert_array_equal(other.next().copy_states(4), expected)


def test_a_saved_state_has_a_fixed_length():
    streams = RandomStreams(2**200)
    before = len(streams.save())
    for _ in range(300):
        streams.next()
    assert len(streams.save()) == before == 28


def test_a_negative_seed_is_refused():
    with pytest.raises(InvalidInput, match="seed -1 is negative"):
        RandomStreams(-1)


def test_a_state_of_another_kind_is_refused():
    with pytest.raises(InvalidInput, match="27 bytes are not the saved state"):
        RandomStreams(0).restore(b"osc1" + b"0" * 23)
