import numpy as np
import pytest

from oscilab.data import load_array, near_square
from oscilab.errors import InvalidInput

FLAT = np.random.default_rng(0).normal(size=(40, 6))


def saved(tmp_path, name="own.npy", **arrays):
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, *arrays.values(), allow_pickle=True)
    else:
        np.savez(path, **arrays)
    return path


def everything(dataset):
    both = np.concatenate([dataset.train, dataset.held_out])
    return both[np.argsort(both[:, 0])]


def test_vectors_are_read_whole_and_laid_out_near_a_square(tmp_path):
    dataset = load_array(saved(tmp_path, data=FLAT))
    assert np.array_equal(everything(dataset), FLAT[np.argsort(FLAT[:, 0])])
    assert (dataset.shape, dataset.name) == ((2, 3), "own")
    assert (len(dataset.train), len(dataset.held_out)) == (36, 4)
    assert (dataset.low, dataset.high) == (FLAT.min(), FLAT.max())


def test_images_keep_their_shape(tmp_path):
    dataset = load_array(saved(tmp_path, data=FLAT.reshape(40, 3, 2)))
    assert dataset.shape == (3, 2)
    assert np.array_equal(everything(dataset), FLAT[np.argsort(FLAT[:, 0])])


def test_an_archive_may_hold_labels(tmp_path):
    labels = np.repeat([0, 4], 20)
    dataset = load_array(saved(tmp_path, "own.npz", other=FLAT[:3], data=FLAT, labels=labels))
    assert dataset.classes == (0, 4)
    assert np.bincount(dataset.held_out_labels).tolist() == [2, 0, 0, 0, 2]


def test_an_archive_of_one_array_needs_no_name(tmp_path):
    assert len(load_array(saved(tmp_path, "own.npz", pictures=FLAT)).train) == 36


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": FLAT[0]}, r"shape \(6,\); they must be"),
        ({"data": FLAT.reshape(2, 20, 2, 3)}, r"shape \(2, 20, 2, 3\)"),
        ({"data": np.zeros((0, 6))}, r"shape \(0, 6\)"),
        ({"data": FLAT + 1j}, "complex128 values; give real numbers"),
        ({"data": np.full((40, 6), "x")}, "<U1 values"),
        ({"data": np.full((40, 6), None)}, "cannot be read as plain NumPy arrays"),
        (
            {"data": np.where(np.arange(240).reshape(40, 6) == 13, np.nan, 1)},
            "sample 2 .* nan .* 1",
        ),
        ({"data": np.ones((40, 6))}, "all values .* are 1; there is nothing to learn"),
        ({"data": FLAT[:1]}, "a single sample"),
        ({"data": FLAT[:5]}, "4 samples; 10 or more"),
    ],
)
@pytest.mark.parametrize("name", ["own.npy", "own.npz"])
def test_data_that_cannot_be_used_are_refused(tmp_path, name, arrays, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        load_array(saved(tmp_path, name, **arrays))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": FLAT, "b": FLAT}, "holds a, b; name the array of samples 'data'"),
        ({"labels": np.zeros(4, int)}, "holds no array"),
        ({"data": FLAT, "labels": np.zeros(39, int)}, "give one for each of its 40 samples"),
        ({"data": FLAT, "labels": np.full(40, "zero")}, "give whole numbers"),
    ],
)
def test_an_archive_that_does_not_say_what_it_holds_is_refused(tmp_path, arrays, message):
    with pytest.raises(InvalidInput, match=message):
        load_array(saved(tmp_path, "own.npz", **arrays))


@pytest.mark.parametrize("name", ["own.npy", "own.npz"])
@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00", b"PK\x03\x04broken"])
def test_a_file_that_is_no_numpy_file_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_array(path)


def test_the_content_counts_not_the_ending(tmp_path):
    saved(tmp_path, data=FLAT).rename(tmp_path / "own.npz")
    assert len(load_array(tmp_path / "own.npz").train) == 36


def test_missing_files_and_other_endings_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"none\.npy cannot be read"):
        load_array(tmp_path / "none.npy")
    with pytest.raises(InvalidInput, match=r"neither a \.npy nor a \.npz"):
        load_array(tmp_path / "data.csv")


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (1, 1)), (7, (1, 7)), (32, (4, 8)), (144, (12, 12))]
)
def test_oscillators_are_laid_out_near_a_square(count, shape):
    assert near_square(count) == shape


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.empty((0, 4)), "which holds no number; save samples in it"),
        (np.full((40, 2), 1e307), "beyond the 1e+100 up to which squares"),
        (np.arange(40.0), "reshape them"),
    ],
)
def test_data_that_cannot_be_learned_are_refused_with_a_remedy(tmp_path, data, words):
    with pytest.raises(InvalidInput) as caught:
        load_array(saved(tmp_path, data=data))
    assert words in str(caught.value)
