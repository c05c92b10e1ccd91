"""The reverse process of a Gaussian, whose exact protocol is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from oscilab.physics import Noising, Potential, Protocol, all_to_all, geometric
from oscilab_sim.array import SimulatedArray

MEAN = np.array([0.8, -0.5, 0.2])
COVARIANCE = np.array([[0.5, 0.3, 0.0], [0.3, 0.4, -0.1], [0.0, -0.1, 0.2]])
COPIES = 40000


def moments_at(t):
    """Mean and covariance of the noised target p_t."""
    shrink = np.exp(-t)
    return shrink * MEAN, shrink**2 * COVARIANCE + (1 - shrink**2) * np.eye(3)


def exact_protocol(slices, interpolation="constant", noising=None):
    """F* = c x + (c + D) grad log p_t at every node: a bias, a stiffness and couplings."""
    noising = noising or Noising()
    potential = Potential(all_to_all(3), ["bias", "stiffness", "coupling"])
    schedule = geometric(slices, 0.02, 3.0, interpolation)
    i, j = potential.family("coupling").ends.T
    settings = []
    for t in schedule.nodes:
        mean, covariance = moments_at(t)
        gain = noising.speed + noising.temperature
        pull = gain * np.linalg.inv(covariance)
        settings.append(
            potential.vector(
                bias=-pull @ mean, stiffness=np.diag(pull) - noising.speed, coupling=pull[i, j]
            )
        )
    return Protocol(potential, schedule, np.stack(settings), noising)


def propagated(protocol):
    """Return the final mean and covariance of exact propagation through the held settings.

    Within a setting with force -K x - b, m' = e m + (e - 1) K^-1 b and
    C' = S + e (C - S) e, where e = exp(-K t) and S = T K^-1.
    """
    potential, temperature = protocol.potential, protocol.noising.temperature
    mean, covariance = np.zeros(3), np.eye(3)
    stairs = protocol.stairs()
    for duration, theta in zip(stairs.durations, stairs.parameters, strict=True):
        matrix, bias = potential.stiffness_matrix(theta), theta[potential.family("bias").where]
        decay = expm(-matrix * duration)
        rest = temperature * np.linalg.inv(matrix)
        mean = decay @ mean + (decay - np.eye(3)) @ np.linalg.solve(matrix, bias)
        covariance = rest + decay @ (covariance - rest) @ decay
    return mean, covariance


CASES = {
    "24 slices": exact_protocol(24),
    "8 slices": exact_protocol(8),
    "linear": exact_protocol(8, "linear"),
    "fast and warm": exact_protocol(24, noising=Noising(speed=2.0, temperature=1.5)),
}


@pytest.mark.parametrize("case", CASES)
def test_ends_as_exact_propagation_says(case):
    """Mean and covariance agree to 5 standard errors, plus half a percent for the steps.

    False-alarm rate 6e-6 over the nine numbers of each case. The covariance at the start
    differs by 30 standard errors, so that a playback that does nothing fails.
    """
    protocol = CASES[case]
    temperature = protocol.noising.temperature
    settings = SimulatedArray.Settings(step_fraction=0.005, temperature=temperature)
    array = SimulatedArray(protocol.potential, seed=12, settings=settings)
    final = array.play(protocol, copies=COPIES).final.astype(np.float64)
    mean, covariance = propagated(protocol)
    deviation = np.sqrt(np.diag(covariance))
    error = 5 * deviation / np.sqrt(COPIES) + 0.005 * deviation
    assert (np.abs(final.mean(axis=0) - mean) < error).all()
    scale = np.sqrt(np.outer(deviation, deviation) ** 2 + covariance**2)
    error = (5 / np.sqrt(COPIES) + 0.005) * scale
    assert (np.abs(np.cov(final.T) - covariance) < error).all()


@pytest.mark.parametrize("case", ["24 slices", "linear", "fast and warm"])
def test_the_slices_themselves_lead_to_the_target(case):
    """Exact propagation leads to p at t_min, to a few percent of its spread.

    This deterministic test checks the protocol's conventions (nodes, order, durations), on which
    the test above relies.
    """
    mean, covariance = propagated(CASES[case])
    wanted_mean, wanted = moments_at(0.02)
    spread = np.sqrt(np.diag(wanted))
    assert (np.abs(mean - wanted_mean) < 0.05 * spread).all()
    assert (np.abs(covariance - wanted) < 0.05 * np.outer(spread, spread)).all()


def test_the_default_step_costs_under_one_percent():
    """Final variances at the default step fraction are off by at most 0.8 % + 5 standard errors.

    False-alarm rate 2e-6.
    """
    protocol = CASES["24 slices"]
    array = SimulatedArray(protocol.potential, seed=1)
    final = array.play(protocol, copies=COPIES).final.astype(np.float64)
    expected = np.diag(propagated(protocol)[1])
    allowed = 0.008 + 5 * np.sqrt(2 / COPIES)
    assert (np.abs(final.var(axis=0) / expected - 1) < allowed).all()
