import gzip
import struct

import numpy as np
import pytest

from oscilab.data import load_mnist
from oscilab.data.images import TEST, TRAIN
from oscilab.errors import InvalidInput


def packed(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write_pair(folder, names, samples, rename=str, wrap=bytes):
    """Images of one grey each, whose grey tells which sample it is."""
    grey = np.arange(samples, dtype=np.uint8)
    images = np.broadcast_to(grey[:, None, None], (samples, 28, 28))
    (folder / rename(names[0])).write_bytes(wrap(packed(images)))
    (folder / rename(names[1])).write_bytes(wrap(packed(grey % 10)))


@pytest.mark.parametrize(
    ("rename", "wrap"),
    [
        (str, bytes),
        (lambda name: f"{name}.gz", gzip.compress),
        (lambda name: name.replace("-idx", ".idx"), bytes),
        (lambda name: name.replace("-idx", ".idx") + ".gz", gzip.compress),
        (lambda name: f"{name}.gz", bytes),
    ],
)
def test_the_training_pair_is_found_under_every_spelling(tmp_path, rename, wrap):
    write_pair(tmp_path, TRAIN, 200, rename, wrap)
    mnist = load_mnist(tmp_path, labels=None)
    assert (len(mnist.train), len(mnist.held_out)) == (180, 20)
    assert "training pair held out" in mnist.source


def test_pixels_run_from_minus_one_to_one(tmp_path):
    write_pair(tmp_path, TRAIN, 250)
    mnist = load_mnist(tmp_path, rows=3, columns=5, labels=(0, 9))
    assert mnist.shape == (3, 5)
    assert mnist.classes == (0, 9)
    grey = np.rint((np.concatenate([mnist.train, mnist.held_out]) + 1) * 127.5)
    assert set(grey.ravel().astype(int)) == {g for g in range(250) if g % 10 in (0, 9)}


def test_the_test_pair_is_the_held_out_part_where_it_is_there(tmp_path):
    write_pair(tmp_path, TRAIN, 200)
    write_pair(tmp_path, TEST, 30)
    mnist = load_mnist(tmp_path, labels=None)
    assert (len(mnist.train), len(mnist.held_out)) == (200, 30)
    assert "test pair held out" in mnist.source


def test_half_a_test_pair_is_refused(tmp_path):
    write_pair(tmp_path, TRAIN, 200)
    write_pair(tmp_path, TEST, 30)
    (tmp_path / TEST[1]).unlink()
    with pytest.raises(InvalidInput, match=f"has no {TEST[1]}"):
        load_mnist(tmp_path)


def test_without_files_the_remedy_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"has no train-images.*--data DIR, or say --download"):
        load_mnist(tmp_path)
    with pytest.raises(InvalidInput, match=r"needs its IDX files.*--download"):
        load_mnist(None)


def test_a_digit_that_is_none_and_a_size_that_is_finer_are_refused(tmp_path):
    write_pair(tmp_path, TRAIN, 200)
    with pytest.raises(InvalidInput, match="no label 12"):
        load_mnist(tmp_path, labels=(12,))
    with pytest.raises(InvalidInput, match="28 pixels cannot be averaged to 30"):
        load_mnist(tmp_path, rows=30)
