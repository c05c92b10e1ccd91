"""Mixtures of Gaussians, with exact density, score and noised distributions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from oscilab.data.dataset import Dataset, Labels, Values, split_held_out
from oscilab.errors import InvalidInput
from oscilab.physics.noising import Noising
from oscilab.types import Float64Array


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """sum_k w_k N(mu_k, Sigma_k): `weights [mode]`, `means [mode, feature]`,
    `covariances [mode, feature, feature]`.

    Raises:
        InvalidInput: the weights are not positive or do not add up to one, the shapes do not
            match, or a covariance is not symmetric and positive definite.
    """

    weights: Float64Array
    means: Float64Array
    covariances: Float64Array

    def __post_init__(self) -> None:
        for name in ("weights", "means", "covariances"):
            array = np.asarray(getattr(self, name), np.float64)
            if not np.isfinite(array).all():
                raise InvalidInput(f"the {name} of a mixture must all be finite")
            object.__setattr__(self, name, array)
        if self.weights.ndim != 1 or self.means.ndim != 2:
            raise InvalidInput("a mixture needs weights [mode] and means [mode, feature]")
        modes, features = len(self.weights), self.means.shape[1]
        if len(self.means) != modes or self.covariances.shape != (modes, features, features):
            raise InvalidInput(
                f"a mixture of {modes} weights has means of shape {self.means.shape} and "
                f"covariances of shape {self.covariances.shape}; give one of each a mode"
            )
        if (self.weights <= 0).any() or abs(float(self.weights.sum()) - 1) > 1e-9:
            raise InvalidInput(
                f"mixture weights {self.weights.tolist()} must be positive and add up to one"
            )
        for mode, covariance in enumerate(self.covariances):
            if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance)[0] <= 0:
                raise InvalidInput(
                    f"the covariance of mode {mode} is not symmetric and positive definite"
                )

    @property
    def features(self) -> int:
        """The number of dimensions."""
        return self.means.shape[1]

    @cached_property
    def _factors(self) -> Float64Array:
        return np.asarray(np.linalg.cholesky(self.covariances), np.float64)

    def sample(self, count: int, seed: int | np.random.Generator = 0) -> tuple[Values, Labels]:
        """Return `count` draws `[sample, feature]` and the mode of each `[sample]`."""
        rng = np.random.default_rng(seed)
        modes = rng.choice(len(self.weights), count, p=self.weights / self.weights.sum())
        noise = rng.standard_normal((count, self.features))
        draws = self.means[modes] + np.einsum("nij,nj->ni", self._factors[modes], noise)
        return draws, modes.astype(np.int64)

    def log_density(self, positions: ArrayLike) -> Float64Array:
        """Return log p at each row of `positions` `[sample, feature]`, as `[sample]`."""
        joint = self._log_joint(np.asarray(positions, np.float64))
        peak = joint.max(axis=1)
        return peak + np.log(np.exp(joint - peak[:, np.newaxis]).sum(axis=1))

    def density(self, positions: ArrayLike) -> Float64Array:
        """Return p at each row of `positions` `[sample, feature]`, as `[sample]`."""
        return np.exp(self.log_density(positions))

    def posterior(self, positions: ArrayLike) -> Float64Array:
        """Return the probability of each mode given each position, `[sample, mode]`."""
        points = np.asarray(positions, np.float64)
        return np.exp(self._log_joint(points) - self.log_density(points)[:, np.newaxis])

    def score(self, positions: ArrayLike) -> Float64Array:
        """Return grad log p at each row of `positions`, both `[sample, feature]`."""
        points = np.asarray(positions, np.float64)
        pulls = np.linalg.solve(
            self.covariances[np.newaxis],
            (self.means - points[:, np.newaxis])[..., np.newaxis],
        )[..., 0]
        return np.einsum("nk,nki->ni", self.posterior(points), pulls)

    def noised(self, t: float, noising: Noising | None = None) -> GaussianMixture:
        """Return the distribution of x_t for x_0 from this one, which is again a mixture."""
        noising = noising or Noising()
        decay, variance = noising.decay(t), noising.variance(t)
        spread = decay**2 * self.covariances + variance * np.eye(self.features)
        return GaussianMixture(self.weights, decay * self.means, spread)

    def dataset(self, name: str, count: int, seed: int = 0) -> Dataset:
        """Return `count` draws as a data set labelled by mode, a tenth of each mode held out."""
        values, modes = self.sample(count, seed)
        train, held_out, train_labels, held_out_labels = split_held_out(values, modes, seed=seed)
        return Dataset(
            name=name,
            source=f"{count} draws from a mixture of {len(self.weights)} Gaussians, seed {seed}",
            train=train,
            held_out=held_out,
            shape=(1, self.features),
            train_labels=train_labels,
            held_out_labels=held_out_labels,
            low=float(values.min()),
            high=float(values.max()),
        )

    def _log_joint(self, points: Float64Array) -> Float64Array:
        offsets = points[:, np.newaxis] - self.means
        white = np.linalg.solve(self._factors[np.newaxis], offsets[..., np.newaxis])[..., 0]
        logs = np.log(np.diagonal(self._factors, axis1=1, axis2=2)).sum(axis=1)
        constant = np.log(self.weights) - logs - 0.5 * self.features * np.log(2 * np.pi)
        return constant - 0.5 * (white**2).sum(axis=2)


def two_gaussians() -> GaussianMixture:
    """Return two correlated modes of unequal weight in the plane, about four deviations apart."""
    covariance = [[0.15, 0.05], [0.05, 0.15]]
    return GaussianMixture(
        np.array([0.6, 0.4]),
        np.array([[-1.0, -0.6], [1.0, 0.9]]),
        np.array([covariance, covariance]),
    )
