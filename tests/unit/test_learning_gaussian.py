"""Every rule's gradient on Gaussian data, whose mean is known at any delta."""

import numpy as np
import pytest
from gaussian_cases import POTENTIAL, TIME, exact_gradient, loss, noised, reverse_matrix, source

from oscilab.learning.measurement import Sampling
from oscilab.learning.rules import RULES
from oscilab.physics import Noising
from oscilab_sim.array import SimulatedArray

PARAMETERS = POTENTIAL.vector(stiffness=[2.0, 2.6], coupling=-0.5)
BATCH, BATCHES = 2000, 60
NOISINGS = [Noising(), Noising(speed=2.0, temperature=0.7)]


def gradients(rule, noising, delta, parameters=PARAMETERS, seed=0):
    """Return independent gradients `[batch, parameter]`, with negligible integrator steps."""
    settings = SimulatedArray.Settings(
        clamp=20.0, temperature=noising.temperature, step_fraction=0.002
    )
    array = SimulatedArray(POTENTIAL, seed=seed, settings=settings)
    points = source(noising)
    return np.array(
        [
            RULES[rule]
            .estimate(
                array, parameters, TIME, points,
                Sampling(BATCH, np.random.default_rng([seed, k]), delta=delta),
            )
            .gradient
            for k in range(BATCHES)
        ]
    )  # fmt: skip


@pytest.mark.parametrize("noising", NOISINGS, ids=["unit", "fast and cold"])
@pytest.mark.parametrize("rule", RULES)
def test_mean_gradient_is_the_exact_one_at_a_finite_delta(rule, noising):
    """They agree to 5 standard errors and 0.3 % for the integrator: false alarms 2e-6 in three.

    At delta = 0.3 displacements are off the force-matching gradient by far more.
    """
    found = gradients(rule, noising, 0.3)
    exact = exact_gradient(rule, PARAMETERS, noising, 0.3)
    error = found.std(axis=0, ddof=1) / np.sqrt(BATCHES)
    slack = 5 * error + 0.003 * np.abs(exact).max()
    assert (np.abs(found.mean(axis=0) - exact) < slack).all()
    if "displacement" in rule:
        matched = exact_gradient("force-matching", PARAMETERS, noising, 0.3)
        assert (np.abs(found.mean(axis=0) - matched) > slack).any()


@pytest.mark.parametrize("noising", NOISINGS, ids=["unit", "fast and cold"])
@pytest.mark.parametrize("rule", RULES)
def test_exact_gradient_tends_to_the_slope_of_the_loss(rule, noising):
    """Compared with central differences of the loss, the bias halves with delta, or is zero."""
    step = 1e-5
    slope = np.array(
        [
            (loss(PARAMETERS + shift, noising) - loss(PARAMETERS - shift, noising)) / (2 * step)
            for shift in step * np.eye(3)
        ]
    )
    bias = [exact_gradient(rule, PARAMETERS, noising, delta) - slope for delta in (2e-3, 1e-3)]
    if rule in ("force-matching", "reverse-path"):
        assert np.abs(bias).max() < 1e-7
    else:
        assert bias[0] == pytest.approx(2 * bias[1], rel=0.01)
        assert np.abs(bias[1]).max() < 0.01 * np.abs(slope).max()


@pytest.mark.parametrize("noising", NOISINGS, ids=["unit", "fast and cold"])
def test_cd1_has_no_bias_where_the_family_holds_the_truth(noising):
    """At K = (c + D) S^-1 - c the contrast vanishes at every delta; displacement is biased."""
    best = -reverse_matrix(noising)
    parameters = np.array([best[0, 0], best[1, 1], best[0, 1]])
    for delta in (0.01, 0.5):
        assert np.abs(exact_gradient("cd1", parameters, noising, delta)).max() < 1e-12
    assert np.abs(exact_gradient("displacement", parameters, noising, 0.5)).max() > 0.1
    found = gradients("cd1", noising, 0.5, parameters)
    error = found.std(axis=0, ddof=1) / np.sqrt(BATCHES)
    assert (np.abs(found.mean(axis=0)) < 5 * error + 0.003).all()


def test_displacement_learns_the_stiffness_that_it_says():
    """The gradient vanishes at -ln(1 - k delta) / delta, not at k: 5 standard errors (6e-7)."""
    noising = Noising()
    delta = 0.25
    duration = delta * noising.variance(TIME)
    values, vectors = np.linalg.eigh(-reverse_matrix(noising))
    learned = vectors @ np.diag(-np.log1p(-values * duration) / duration) @ vectors.T
    parameters = np.array([learned[0, 0], learned[1, 1], learned[0, 1]])
    found = gradients("displacement", noising, delta, parameters)
    error = found.std(axis=0, ddof=1) / np.sqrt(BATCHES)
    assert (np.abs(found.mean(axis=0)) < 5 * error + 0.002).all()
    wanted = -reverse_matrix(noising)
    at_truth = exact_gradient(
        "displacement", np.array([wanted[0, 0], wanted[1, 1], wanted[0, 1]]), noising, delta
    )
    assert (np.abs(at_truth[:2]) > 5 * error[:2] + 0.002).all()


@pytest.mark.parametrize(
    ("rule", "share"), [("displacement", 1.0), ("cd1", 4.0), ("force-matching", 0.0)]
)
def test_the_bath_adds_a_variance_of_two_over_delta(rule, share):
    """Of a gradient: lambda^2 E|grad u|^2 2 / (batch delta), four times that for CD1's V.

    The difference between two deltas removes other variances. 60 batches give a variance to 18 %,
    so 60 % of the expected difference is four standard errors (false alarm 6e-5).
    """
    noising = Noising()
    weight = noising.variance(TIME)
    spread = [gradients(rule, noising, delta).var(axis=0, ddof=1) for delta in (0.02, 0.1)]
    power = np.array([noised(noising)[0, 0], noised(noising)[1, 1], np.trace(noised(noising))])
    gained = weight**2 * power * 2 / (BATCH * weight) * (1 / 0.02 - 1 / 0.1)
    assert (
        np.abs(spread[0] - spread[1] - share * gained).max() < 0.6 * max(share, 0.2) * gained.max()
    )


def test_loss_of_a_displacement_compares_with_that_of_a_force():
    """They agree without the bath's share, for 60 batches each, to 5 standard errors (6e-7)."""
    noising = Noising()

    def losses(rule):
        array = SimulatedArray(
            POTENTIAL, seed=3, settings=SimulatedArray.Settings(clamp=20.0, step_fraction=0.002)
        )
        sampling = Sampling(BATCH, np.random.default_rng(4), delta=0.01)
        points = source(noising)
        return np.array(
            [
                RULES[rule].estimate(array, PARAMETERS, TIME, points, sampling).loss
                for _ in range(BATCHES)
            ]
        )

    matched = losses("force-matching")
    for rule in ("displacement", "cd1"):
        found = losses(rule)
        error = np.sqrt((found.var(ddof=1) + matched.var(ddof=1)) / BATCHES)
        # At delta = 0.01 the mean is biased by about a hundredth.
        assert abs(found.mean() - matched.mean()) < 5 * error + 0.02 * matched.mean()
