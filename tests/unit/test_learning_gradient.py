"""The force-matching gradient: exact, and local."""

import numpy as np
import pytest

from oscilab.arrays import ForceReading
from oscilab.learning.measurement import PointSource, Sampling, estimate_from_forces
from oscilab.learning.oracle import quadratic_loss
from oscilab.learning.rules import ForceMatching
from oscilab.physics import BUILT_IN, Noising, Potential, all_to_all, lattice
from oscilab_sim.array import SimulatedArray

TIME = 0.3
PAIR_TERMS = ["bias", "stiffness", "cubic", "quartic", "coupling", "square_linear",
              "square_square", "quartic_spring"]  # fmt: skip


def random_batch(potential, seed=0, batch=32):
    rng = np.random.default_rng(seed)
    shape = (batch, potential.oscillators)
    return rng.standard_normal(shape), rng.standard_normal(shape)


def estimate(potential, residuals, positions, weight=0.7):
    reading = ForceReading(positions, positions, residuals)
    targets = np.zeros_like(residuals)
    return estimate_from_forces(potential, weight, residuals, targets, positions, reading, 0.0)


@pytest.mark.parametrize("topology", [lattice(3, 3, 1.5), all_to_all(3, 3)], ids=lambda t: t.name)
def test_gradient_is_the_slope_of_the_loss(topology):
    # Central differences of a quadratic are exact up to rounding, so 1e-6 is generous.
    potential = Potential(topology, PAIR_TERMS)
    rng = np.random.default_rng(1)
    parameters = rng.standard_normal(potential.parameters)
    positions, target = random_batch(potential)

    def residuals_at(theta):
        return potential.forces(theta, positions) - target

    found = estimate(potential, residuals_at(parameters), positions)
    step = 1e-4
    for p in range(potential.parameters):
        shift = step * np.eye(potential.parameters)[p]
        above = estimate(potential, residuals_at(parameters + shift), positions).loss
        below = estimate(potential, residuals_at(parameters - shift), positions).loss
        slope = (above - below) / (2 * step)
        assert found.gradient[p] == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_curvature_is_the_second_derivative_along_each_parameter():
    potential = Potential(lattice(2, 3, 1.0), PAIR_TERMS)
    positions, target = random_batch(potential, seed=2)
    found = estimate(potential, -target, positions)
    for p in range(potential.parameters):
        forces = potential.forces(np.eye(potential.parameters)[p], positions)
        second = 0.7 * np.mean(np.sum(forces**2, axis=1))
        assert found.curvature[p] == pytest.approx(second, rel=1e-10)


@pytest.mark.parametrize("topology", [lattice(3, 3, 1.5), all_to_all(4, 4)], ids=lambda t: t.name)
def test_update_reads_its_own_ends_only(topology):
    """With NaN in all readings off a term's ends, its update is bit-identical."""
    potential = Potential(topology, PAIR_TERMS)
    positions, residuals = random_batch(potential, seed=3)
    whole = estimate(potential, residuals, positions)
    for p in range(potential.parameters):
        others = np.setdiff1d(np.arange(potential.oscillators), potential.ends_of(p))
        blind_positions, blind_residuals = positions.copy(), residuals.copy()
        blind_positions[:, others] = np.nan
        blind_residuals[:, others] = np.nan
        blind = estimate(potential, blind_residuals, blind_positions)
        assert blind.gradient[p].tobytes() == whole.gradient[p].tobytes()
        assert blind.curvature[p].tobytes() == whole.curvature[p].tobytes()


def make_source(potential, clamp=6.0, noising=None):
    data = 0.8 * np.random.default_rng(5).standard_normal((200, potential.oscillators)) + 0.3
    bound = np.full(potential.oscillators, clamp)
    return PointSource(data, noising or Noising(), -bound, bound)


@pytest.mark.parametrize("noising", [Noising(), Noising(speed=2.5, temperature=0.7)])
def test_measured_gradient_agrees_with_the_exact_loss(noising):
    """45 entries from 40 000 points agree with 400 000 others to 5 standard errors.

    False alarm 3e-5 for Gaussian entries; the seeds are fixed.
    """
    potential = Potential(lattice(2, 2, 1.5), ["bias", "stiffness", "quartic", "coupling"])
    array = SimulatedArray(potential, seed=1)
    source = make_source(potential, noising=noising)
    parameters = potential.vector(stiffness=2.0, quartic=0.3, coupling=-0.2, bias=0.4)
    weight = noising.variance(TIME)
    exact = quadratic_loss(
        potential, source, TIME, weight, 400_000, np.random.default_rng(6)
    ).gradient(parameters)
    batches = np.array(
        [
            ForceMatching()
            .estimate(array, parameters, TIME, source, Sampling(1000, np.random.default_rng(k)))
            .gradient
            for k in range(40)
        ]
    )
    error = batches.std(axis=0, ddof=1) / np.sqrt(len(batches)) * np.sqrt(1.1)
    assert (np.abs(batches.mean(axis=0) - exact) < 5 * error).all()


def test_features_at_measured_positions_bias_a_stiffness_as_stated():
    """Reading noise s on positions biases a learned stiffness by s^2 / sigma_t^2 of itself.

    One oscillator, data at zero: with target K y at the read position y and force k x at the true
    one, the residual is uncorrelated with y at k = K (1 + s^2 / sigma^2). Checked to 4 standard
    errors over 200 batches (false alarm 6e-5).
    """
    potential = Potential(all_to_all(1), ["stiffness"])
    array = SimulatedArray(potential, seed=1)
    noise = 0.1

    class Noisy:
        description = array.description

        def __init__(self):
            self.rng = np.random.default_rng(9)

        def measure_forces(self, parameters, positions):
            reading = array.measure_forces(parameters, positions)
            seen = reading.positions + noise * self.rng.standard_normal(positions.shape)
            return ForceReading(reading.set_points, seen, reading.forces)

    bound = np.array([6.0])
    source = PointSource(np.zeros((10, 1)), Noising(), -bound, bound)
    variance = Noising().variance(TIME)
    noisy = Noisy()
    found = []
    for k in range(200):
        slopes = [
            ForceMatching()
            .estimate(
                noisy, np.array([stiffness]), TIME, source,
                Sampling(2000, np.random.default_rng(k), at="measured"),
            )
            .gradient[0]
            for stiffness in (1.0, 2.0)
        ]  # fmt: skip
        # The gradient is linear in the stiffness; this is its zero.
        found.append(1.0 - slopes[0] / (slopes[1] - slopes[0]))
    wanted = (2 / variance - 1) * (1 + noise**2 / variance)
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - wanted) < 4 * error


def test_every_built_in_term_is_learned_somewhere_above():
    # This fails when a term is added and not tested. Gates need a topology with gates.
    assert {*PAIR_TERMS, "gate_coupling", "gate_stiffness", "gate_bias"} == {*BUILT_IN}
