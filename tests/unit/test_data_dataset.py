import numpy as np
import pytest

from oscilab.data import Dataset, load_digits, split_held_out
from oscilab.errors import InvalidInput


def labelled(samples=60, features=6, classes=3):
    values = np.arange(samples * features, dtype=float).reshape(samples, features)
    return values, np.arange(samples) % classes


def build(**changes):
    values, labels = labelled()
    given = {
        "name": "test",
        "source": "made up",
        "train": values[:50],
        "held_out": values[50:],
        "shape": (2, 3),
        "train_labels": labels[:50],
        "held_out_labels": labels[50:],
    }
    return Dataset(**(given | changes))


def test_a_split_shares_every_sample_out_once_and_a_tenth_of_every_class():
    values, labels = labelled(samples=90)
    train, held, train_labels, held_labels = split_held_out(values, labels)
    both = np.concatenate([train, held])
    assert np.array_equal(both[np.argsort(both[:, 0])], values)
    assert np.bincount(held_labels).tolist() == [3, 3, 3]
    assert np.bincount(train_labels).tolist() == [27, 27, 27]
    assert np.array_equal(train[:, 0] // 6 % 3, train_labels)


def test_a_split_depends_on_its_seed_alone():
    values, labels = labelled()
    first = split_held_out(values, labels, seed=4)[1]
    assert np.array_equal(first, split_held_out(values, labels, seed=4)[1])
    assert not np.array_equal(first, split_held_out(values, labels, seed=5)[1])


def test_the_held_out_part_of_a_class_does_not_depend_on_the_other_classes():
    values, labels = labelled()
    _, everything, _, classes = split_held_out(values, labels)
    chosen = labels != 1
    _, some, _, _ = split_held_out(values[chosen], labels[chosen])
    assert np.array_equal(some, everything[classes != 1])


def test_a_split_without_labels_has_none():
    values, _ = labelled()
    train, held, train_labels, held_labels = split_held_out(values, None, fraction=0.25)
    assert (len(train), len(held), train_labels, held_labels) == (45, 15, None, None)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_split_refuses_a_fraction_outside_zero_to_one(fraction):
    values, labels = labelled()
    with pytest.raises(InvalidInput, match="fraction"):
        split_held_out(values, labels, fraction)


def test_a_split_refuses_a_class_of_one_sample():
    with pytest.raises(InvalidInput, match="label 7 has a single sample"):
        split_held_out(np.zeros((3, 1)), np.array([1, 1, 7]))


def test_one_class_keeps_its_samples_on_their_side():
    dataset = build()
    zeros = dataset.only_label(0)
    assert zeros.classes == (0,)
    assert np.array_equal(zeros.train, dataset.train[dataset.train_labels == 0])
    assert np.array_equal(zeros.held_out, dataset.held_out[dataset.held_out_labels == 0])
    assert zeros.name == "test 0"


def test_two_classes():
    assert build().only_labels([2, 0, 2]).classes == (0, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train": np.where(np.arange(300).reshape(50, 6) == 20, np.nan, 0)},
            "sample 3 .* nan .* 2",
        ),
        ({"held_out": np.full((10, 6), np.inf)}, "sample 0 of the held-out part .* inf"),
        ({"train": np.zeros((0, 6)), "train_labels": np.zeros(0, int)}, "0 samples; 10 or more"),
        ({"train": np.zeros((9, 6)), "train_labels": np.zeros(9, int)}, "9 samples; 10 or more"),
        ({"held_out": np.zeros((0, 6)), "held_out_labels": np.zeros(0, int)}, "0 samples; 1 or"),
        ({"shape": (3, 3)}, "6 features a sample, not 3 x 3 = 9"),
        ({"train": np.zeros(50)}, r"shape \(50,\); it must be \[sample, feature\]"),
        ({"train": np.zeros((50, 6), complex)}, "complex128"),
        ({"train": np.full((50, 6), "a")}, "real numbers"),
        ({"train_labels": np.zeros(49, int)}, r"labels .* shape \(49,\); give one for each of"),
        ({"train_labels": np.zeros(50)}, "labels .* float64; give whole numbers"),
        ({"train_labels": np.full(50, -1)}, "label 0 .* is -1"),
        ({"train_labels": None}, "labels for one part only"),
        ({"low": 1.0, "high": 1.0}, "from 1.0 to 1.0"),
        ({"low": float("nan")}, "low end"),
    ],
)
def test_a_data_set_refuses_what_cannot_be_learned_from(changes, message):
    with pytest.raises(InvalidInput, match=message):
        build(**changes)


def test_a_class_that_is_not_there_is_refused():
    with pytest.raises(InvalidInput, match="no label 5; it has 0, 1, 2"):
        build().only_label(5)
    with pytest.raises(InvalidInput, match="has no labels"):
        build(train_labels=None, held_out_labels=None).only_label(0)


def test_the_bundled_digits_fill_their_range_and_hold_out_a_tenth():
    digits = load_digits()
    assert digits.classes == (0, 1)
    assert digits.shape == (8, 8)
    assert (len(digits.train), len(digits.held_out)) == (324, 36)
    assert (digits.train.min(), digits.train.max()) == (-1, 1)


def test_digits_hold_out_the_same_samples_whichever_classes_are_chosen():
    every = load_digits(None)
    assert every.classes == tuple(range(10))
    ones = load_digits((1,))
    assert np.array_equal(ones.held_out, every.held_out[every.held_out_labels == 1])
    assert not (ones.held_out[:, None] == every.train).all(axis=2).any()
