import numpy as np
import pytest

from oscilab.data import GaussianMixture, two_gaussians
from oscilab.errors import InvalidInput
from oscilab.merit import estimate_modes, mixture_figures


def overlapping():
    """Modes 1.5 deviations apart, for which a hard assignment fails."""
    return GaussianMixture(
        np.array([0.3, 0.7]),
        np.array([[0.0, 0.0], [1.5, 0.5]]),
        np.array([np.eye(2), [[1.0, 0.4], [0.4, 0.8]]]),
    )


def deviations(samples, truth):
    found = estimate_modes(samples, truth)
    return np.concatenate(
        [
            ((found.weights - truth.weights) / found.weight_errors).ravel(),
            ((found.means - truth.means) / found.mean_errors).ravel(),
            ((found.covariances - truth.covariances) / found.covariance_errors).ravel(),
        ]
    )


@pytest.mark.parametrize("truth", [two_gaussians(), overlapping()])
def test_modes_are_found_within_their_standard_errors(truth):
    """14 figures within 5 standard errors: false alarm below 1e-5 each time."""
    assert np.abs(deviations(truth.sample(100_000, 6)[0], truth)).max() < 5


def test_a_hard_assignment_would_have_failed():
    truth, count = overlapping(), 100_000
    samples = truth.sample(count, 6)[0]
    nearest = samples[truth.posterior(samples).argmax(axis=1) == 0]
    error = samples.std(axis=0).max() / len(nearest) ** 0.5
    assert np.abs(nearest.mean(axis=0) - truth.means[0]).max() > 20 * error


def test_standard_errors_are_the_spread_of_many_repeats():
    """The spread over 400 repeats has a relative deviation of 3.5 %; 18 % is five of it
    (14 figures, false alarm below 1e-5)."""
    truth = overlapping()
    found = np.array([deviations(truth.sample(1000, seed)[0], truth) for seed in range(400)])
    assert np.abs(found.std(axis=0) - 1).max() < 0.18


def mixture(*means):
    """Modes of equal weight and unit covariance."""
    return GaussianMixture(
        np.full(len(means), 1 / len(means)), np.array(means), np.array([np.eye(2)] * len(means))
    )


def test_covariances_of_few_samples_are_unbiased():
    """Of samples that belong to one mode for certain, with n - 1 in the denominator as `np.cov`."""
    first, second = np.array([[1.0, 0.5], [-1.0, 0.2]]), np.array([[99.0, 0], [101, 1], [100, -2]])
    found = estimate_modes(np.concatenate([first, second]), mixture([0.0, 0.0], [100.0, 0.0]))
    expected = [np.cov(each, rowvar=False) for each in (first, second)]
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-9)


def test_samples_shared_by_equal_modes_count_whole():
    """Each has half of all 6, so that the covariance is that of 6 samples in both."""
    samples = np.array([[1.0, 0.5], [-1.0, 0.2], [0.3, -0.7], [0.1, 1.1], [-2.0, 0.4], [0.8, 0.9]])
    found = estimate_modes(samples, mixture([0.0, 0.0], [0.0, 0.0]))
    expected = [np.cov(samples, rowvar=False)] * 2
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-9)
    np.testing.assert_allclose(found.weights, 0.5)


def test_a_wrong_sampler_is_found_out():
    truth = two_gaussians()
    shifted = GaussianMixture(truth.weights, truth.means + 0.05, truth.covariances)
    assert np.abs(deviations(shifted.sample(20_000, 1)[0], truth)).max() > 8


def test_figures_name_every_number_of_every_mode_once():
    truth = two_gaussians()
    figures = mixture_figures(truth.sample(5000, 2)[0], truth)
    plain = {name for name in figures if not name.endswith(("_truth", "_error"))}
    modes = {
        f"{kind}_{mode}{suffix}"
        for mode in (0, 1)
        for kind, suffixes in (
            ("weight", ("",)),
            ("mean", ("_0", "_1")),
            ("covariance", ("_00", "_01", "_11")),
        )
        for suffix in suffixes
    }
    largest = {f"largest_{kind}_difference" for kind in ("weight", "mean", "covariance")}
    assert plain == modes | largest | {"samples"}
    assert set(figures) == plain | {f"{n}_truth" for n in modes} | {f"{n}_error" for n in modes}
    assert all(type(value) is float for value in figures.values())
    assert figures["mean_1_1_truth"] == truth.means[1, 1]
    assert figures["covariance_0_01_truth"] == truth.covariances[0, 0, 1]
    gaps = [abs(figures[f"mean_{m}_{f}"] - truth.means[m, f]) for m in (0, 1) for f in (0, 1)]
    assert figures["largest_mean_difference"] == max(gaps)


def test_what_has_no_modes_is_refused():
    truth = two_gaussians()
    with pytest.raises(InvalidInput, match=r"mode 1 holds .* of 50 samples, too few"):
        estimate_modes(np.full((50, 2), -1.0), truth)
    with pytest.raises(InvalidInput, match="3 features, the mixture 2"):
        estimate_modes(np.zeros((50, 3)), truth)
    with pytest.raises(InvalidInput, match="must be finite"):
        estimate_modes(np.full((50, 2), np.nan), truth)
