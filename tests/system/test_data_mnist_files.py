"""The published MNIST training pair, if it is available."""

import os
from pathlib import Path

import numpy as np
import pytest

from oscilab.data import load_mnist
from oscilab.data.images import TRAIN, find_idx

BESIDE = Path(__file__).parents[2].parent / "shared" / "data" / "mnist"
FOLDER = Path(os.environ.get("OSCILAB_MNIST", BESIDE))

pytestmark = pytest.mark.skipif(
    find_idx(FOLDER, TRAIN[0]) is None or find_idx(FOLDER, TRAIN[1]) is None,
    reason="needs the MNIST training pair; name its folder in OSCILAB_MNIST",
)


def test_the_published_counts_of_zeros_and_ones_are_found():
    mnist = load_mnist(FOLDER)
    assert mnist.shape == (12, 12)
    if "test pair" in mnist.source:
        assert np.bincount(mnist.train_labels).tolist() == [5923, 6742]
    else:
        both = np.concatenate([mnist.train_labels, mnist.held_out_labels])
        assert np.bincount(both).tolist() == [5923, 6742]
        assert np.bincount(mnist.held_out_labels).tolist() == [592, 674]


def test_averaging_keeps_the_published_mean_grey():
    """The mean of all training pixels is 0.1307 of full scale at any size of the array."""
    mnist = load_mnist(FOLDER, rows=4, columns=4, labels=None)
    parts = [mnist.train] if "test pair" in mnist.source else [mnist.train, mnist.held_out]
    grey = (np.concatenate(parts).mean() + 1) / 2
    assert abs(grey - 0.1307) < 5e-5
