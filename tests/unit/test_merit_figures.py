import numpy as np
import pytest

from oscilab.data import Dataset, load_digits
from oscilab.errors import InvalidInput
from oscilab.merit import (
    data_figures,
    fitted_gaussian,
    image_figures,
    sliced_wasserstein,
    train_classifier,
)
from oscilab.merit.figures import SAMPLES, SEED


@pytest.fixture(scope="module")
def digits():
    return load_digits(None)


@pytest.fixture(scope="module")
def figures(digits):
    """Figures of merit of the training data themselves."""
    chosen = digits.only_labels((0, 1))
    return image_figures(chosen.train, chosen, train_classifier(digits))


def test_training_data_are_at_the_floor_and_memorised(figures):
    assert figures["sliced_wasserstein"] == figures["sliced_wasserstein_floor"]
    assert (figures["nearest_distance"], figures["nearest_share"]) == (0, 1)
    assert figures["class_share"] == figures["class_share_data"] == 1
    assert figures["samples"] == 324


def test_the_fitted_gaussian_is_the_baseline(digits, figures):
    chosen = digits.only_labels((0, 1))
    drawn = fitted_gaussian(chosen.train, SAMPLES, SEED)
    distance = sliced_wasserstein(drawn, chosen.held_out)
    assert figures["sliced_wasserstein_gaussian"] == distance
    assert distance > figures["sliced_wasserstein_floor"]
    assert figures["class_share_gaussian"] < 0.85


def test_every_figure_is_a_finite_number(figures):
    assert all(type(value) is float and np.isfinite(value) for value in figures.values())
    assert figures["class_share_low"] < figures["class_share"] <= figures["class_share_high"]
    assert figures["class_0"] + figures["class_1"] == pytest.approx(figures["class_share"])
    balance = figures["class_1"] / figures["class_0"]
    assert figures["class_balance"] == pytest.approx(min(balance, 1 / balance))


def test_more_samples_than_needed_are_thinned(digits):
    chosen = digits.only_labels((0, 1))
    many = fitted_gaussian(chosen.train, SAMPLES + 500, 9)
    assert data_figures(many, chosen)["samples"] == SAMPLES


def test_data_without_labels_have_figures_but_no_class_share(digits):
    plain = Dataset("own", "file", digits.train, digits.held_out, digits.shape)
    assert "class_share" not in data_figures(digits.held_out, plain)
    with pytest.raises(InvalidInput, match="has no labels, so no class share"):
        image_figures(digits.held_out, plain, train_classifier(digits))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((0, 64)), r"\(0, 64\) have no figures of merit"),
        (np.zeros((5, 32)), "decode them first"),
        (np.full((5, 64), np.inf), "sample 0 .* inf"),
    ],
)
def test_samples_that_cannot_be_judged_are_refused(digits, samples, message):
    with pytest.raises(InvalidInput, match=message):
        data_figures(samples, digits)
