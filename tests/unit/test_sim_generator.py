"""The kernel's generator: its recurrence, its statistics, and independent streams of copies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from oscilab.physics import Potential, lattice
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.streams import RandomStreams

MASK = 0xFFFFFFFF


def rotated(word, count):
    return ((word << count) | (word >> (32 - count))) & MASK


def xoshiro128pp(state):
    """Blackman and Vigna's recurrence on whole numbers; yields 32-bit words."""
    a, b, c, d = (int(word) for word in state)
    while True:
        yield (rotated((a + d) & MASK, 7) + a) & MASK
        shifted = (b << 9) & MASK
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = rotated(d, 11)


def normals(copies, draws, seed=0):
    """Return normals `[draw, copy]` of the compiled kernel, from free steps of length 1/2."""
    potential = Potential(lattice(1, draws, 0), ["stiffness"])
    engine = choose_engine("numba", potential, threads=1)
    moving = engine.release(np.zeros((copies, draws)), RandomStreams(seed).next())
    moving.hold(np.zeros(draws), step=0.5, steps=1, temperature=1.0)
    return moving.positions().T.astype(np.float64)


def test_draws_box_and_mullers_normals_from_xoshiro():
    """The error against the same words in float64 is below 2e-6."""
    draws = 200
    states = RandomStreams(9).next().copy_states(64)
    found = normals(64, draws, seed=9)
    for copy in (0, 1, 63):
        words = xoshiro128pp(states[:, copy])
        for pair in range(0, draws, 2):
            u = (next(words) >> 1) * 2.0**-31 + 2.0**-32
            angle = 2 * math.pi * next(words) / 2**32
            radius = math.sqrt(-2 * math.log(u))
            expected = (radius * math.cos(angle), radius * math.sin(angle))
            np.testing.assert_allclose(found[pair : pair + 2, copy], expected, atol=2e-6)


def test_moments_are_a_normals():
    """First six moments of 1.28e6 draws within 5 sampling errors: false-alarm rate 3e-6."""
    z = normals(6400, 200, seed=1).ravel()
    for order, moment, power in [(1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105), (5, 0, 945),
                                 (6, 15, 10395)]:  # fmt: skip
        error = 5 * math.sqrt((power - moment**2) / len(z))
        assert abs((z**order).mean() - moment) < error, f"moment {order}"


def test_distribution_is_normal_into_the_tails():
    """Kolmogorov-Smirnov at 1e-6, and the count beyond 4 sigma to 5 Poisson errors: 2e-6."""
    z = normals(6400, 200, seed=2).ravel()
    assert stats.kstest(z, "norm").pvalue > 1e-6
    expected = 2 * stats.norm.sf(4.0) * len(z)
    assert abs((np.abs(z) > 4.0).sum() - expected) < 5 * math.sqrt(expected)


@pytest.mark.parametrize("function", [np.asarray, np.abs])
def test_copies_and_draws_are_uncorrelated(function):
    """The largest correlation among 256 copies, and among 200 draws, at 1e-6 each (Bonferroni).

    Of the draws and of their moduli, which pairs would share if the angle were bad.
    """
    z = function(normals(256, 200, seed=3))
    for table in (z, z.T):
        correlation = np.corrcoef(table)
        pairs = correlation[np.triu_indices(len(correlation), k=1)]
        limit = stats.norm.isf(1e-6 / 2 / len(pairs)) / math.sqrt(table.shape[1])
        assert np.abs(pairs).max() < limit


def test_steps_are_uncorrelated_in_time():
    """Lagged products of 64 copies over 2000 steps within 5 errors: false-alarm rate 3e-6."""
    potential = Potential(lattice(1, 2, 0), ["stiffness"])
    engine = choose_engine("numba", potential, threads=1)
    moving = engine.release(np.zeros((64, 2)), RandomStreams(4).next())
    record = [moving.positions()]
    for _ in range(2000):
        moving.hold(np.zeros(2), step=0.5, steps=1, temperature=1.0)
        record.append(moving.positions())
    z = np.diff(np.array(record, np.float64), axis=0)
    for lag in range(1, 6):
        products = z[lag:] * z[:-lag]
        assert abs(products.mean()) < 5 / math.sqrt(products.size)


def test_no_two_copies_walk_over_the_same_ground():
    """Every pair of words in 1000 successive words of 256 copies of 4 readings is unique.

    Streams that overlap would repeat millions; chance repeats one with probability 3e-8.
    """
    streams = RandomStreams(5)
    states = np.concatenate([streams.next().copy_states(256) for _ in range(4)], axis=1)
    a, b, c, d = (row.astype(np.uint32) for row in states)
    words = []
    for _ in range(1000):
        total = a + d
        words.append(((total << 7) | (total >> 25)) + a)
        shifted = b << 9
        c, d = c ^ a, d ^ b
        b, a, c = b ^ c, a ^ d, c ^ shifted
        d = (d << 11) | (d >> 21)
    table = np.array(words, np.uint64)
    pairs = (table[:-1] << np.uint64(32)) | table[1:]
    assert len(np.unique(pairs)) == pairs.size


def test_another_seed_draws_something_else():
    assert (normals(64, 2, seed=0) != normals(64, 2, seed=1)).all()
