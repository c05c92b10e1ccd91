import numpy as np
import pytest

from oscilab.data import Dataset, load_digits
from oscilab.errors import InvalidInput
from oscilab.merit import (
    ClassShare,
    class_share,
    fitted_gaussian,
    train_classifier,
    wilson_interval,
)


@pytest.fixture(scope="module")
def digits():
    return load_digits(None)


@pytest.fixture(scope="module")
def classifier(digits):
    return train_classifier(digits)


def test_ten_digits_are_told_apart(classifier):
    """A classifier right 98.5 % of the time gets fewer than 95 % of 179 with chance below 1e-3."""
    assert classifier.tested == 179
    assert classifier.accuracy >= 0.95


def test_the_accuracy_is_that_of_held_out_samples(digits, classifier):
    right = classifier.classify(digits.held_out) == digits.held_out_labels
    assert classifier.accuracy == right.mean()


def test_training_is_the_same_every_time(digits, classifier):
    again = train_classifier(digits)
    strange = np.random.default_rng(0).uniform(-1, 1, (300, 64))
    assert np.array_equal(again.classify(strange), classifier.classify(strange))


def test_a_limit_trains_on_a_part(digits):
    few = train_classifier(digits, limit=150)
    assert few.model.shape_fit_ == (150, 64)
    assert few.accuracy > 0.7


def test_real_zeros_and_ones_are_taken_for_what_they_are(digits, classifier):
    chosen = digits.only_labels((0, 1))
    share = class_share(classifier, chosen.held_out, (0, 1))
    assert share.counts == tuple(np.bincount(chosen.held_out_labels))
    assert share.share == 1


def test_a_fitted_gaussian_makes_worse_digits_than_the_data(digits, classifier):
    chosen = digits.only_labels((0, 1))
    drawn = fitted_gaussian(chosen.train, 2000, seed=1)
    assert 0.6 < class_share(classifier, drawn, (0, 1)).share < 0.85


def test_share_and_balance_of_known_counts():
    share = ClassShare((0, 1), (30, 10), 80)
    assert (share.share, share.balance) == (0.5, 1 / 3)
    assert ClassShare((0, 1), (0, 0), 80).balance == 0
    assert ClassShare((0, 1), (5, 0), 80).balance == 0


@pytest.mark.parametrize(("successes", "total"), [(0, 10), (10, 10), (30, 80), (1999, 2000)])
def test_wilson_interval_has_its_closed_form(successes, total):
    z = 1.959963984540054
    share = successes / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    expected = (max(0.0, centre - half), min(1.0, centre + half))
    assert wilson_interval(successes, total) == pytest.approx(expected, abs=1e-12)


def test_what_cannot_be_classified_is_refused(digits, classifier):
    with pytest.raises(InvalidInput, match="9 features, the classifier of digits 64"):
        classifier.classify(np.zeros((2, 9)))
    with pytest.raises(InvalidInput, match="65 features, the classifier of digits 64"):
        classifier.classify(np.zeros((2, 65)))
    with pytest.raises(InvalidInput, match="knows no class 12; it knows 0, 1"):
        class_share(classifier, digits.held_out, (12,))
    with pytest.raises(InvalidInput, match="needs a sample"):
        class_share(classifier, np.zeros((0, 64)), (0,))
    with pytest.raises(InvalidInput, match="has 1 classes; a classifier needs two"):
        train_classifier(digits.only_label(3))
    values = digits.train[:, :4]
    with pytest.raises(InvalidInput, match="has 0 classes"):
        train_classifier(Dataset("own", "file", values, values, (2, 2)))
