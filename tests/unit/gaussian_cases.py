"""Gaussian data on coupled springs: every rule's mean gradient in closed form, in float64."""

from __future__ import annotations

import numpy as np

from oscilab.learning.measurement import PointSource
from oscilab.physics import Noising, Potential, all_to_all

TIME = 0.3
COVARIANCE = np.array([[0.8, 0.3], [0.3, 0.5]])
POTENTIAL = Potential(all_to_all(1, 2), ["stiffness", "coupling"])


def source(noising: Noising) -> PointSource:
    """Return a source of data with exactly zero mean and covariance `COVARIANCE`."""
    drawn = np.random.default_rng(0).standard_normal((5000, 2))
    drawn -= drawn.mean(axis=0)
    white = drawn @ np.linalg.inv(np.linalg.cholesky(np.cov(drawn.T, bias=True))).T
    data = white @ np.linalg.cholesky(COVARIANCE).T
    bound = np.full(2, 20.0)
    return PointSource(data, noising, -bound, bound)


def noised(noising: Noising) -> np.ndarray:
    """Return the covariance of x_t."""
    return noising.decay(TIME) ** 2 * COVARIANCE + noising.variance(TIME) * np.eye(2)


def reverse_matrix(noising: Noising) -> np.ndarray:
    """Return G of F* = G x, given the state."""
    scale = noising.speed + noising.temperature
    return noising.speed * np.eye(2) - scale * np.linalg.inv(noised(noising))


def _power(matrix: np.ndarray, function: object) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(function(values)) @ vectors.T


def _features(second: np.ndarray) -> np.ndarray:
    """Return E[u_p] of the two stiffnesses and the coupling, from second moments."""
    return np.array([second[0, 0] / 2, second[1, 1] / 2, second[0, 1]])


def _slope(matrix: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return -E[r . grad u_p] for a residual r = `matrix` x."""
    product = matrix @ second
    return -np.array([product[0, 0], product[1, 1], product[0, 1] + product[1, 0]])


def loss(parameters: np.ndarray, noising: Noising) -> float:
    """Return the force-matching loss up to a constant: sigma_t^2 E|F - F*|^2 / 2."""
    off = -POTENTIAL.stiffness_matrix(parameters) - reverse_matrix(noising)
    return 0.5 * noising.variance(TIME) * float(np.trace(off @ noised(noising) @ off.T))


def exact_gradient(rule: str, parameters: np.ndarray, noising: Noising, delta: float) -> np.ndarray:
    """Return the mean of the rule's gradient, at any delta."""
    stiffness, second = POTENTIAL.stiffness_matrix(parameters), noised(noising)
    weight = noising.variance(TIME)
    duration = delta * weight
    target = reverse_matrix(noising)
    if rule in ("force-matching", "reverse-path"):
        return weight * _slope(-stiffness - target, second)
    if rule in ("displacement", "reverse-path-displacement"):
        moved = _power(stiffness, lambda k: np.expm1(-k * duration) / duration)
        return weight * _slope(moved - target, second)
    speed, temperature = noising.speed, noising.temperature
    ratio = (speed + temperature) / temperature
    equilibrium = (stiffness + speed * np.eye(2)) / ratio
    kept = _power(equilibrium, lambda k: np.exp(-k * duration))
    heated = _power(equilibrium, lambda k: -np.expm1(-2 * k * duration) * temperature / k)
    after = kept @ second @ kept + heated
    return weight * ratio * (_features(second) - _features(after)) / duration
