"""The Ornstein-Uhlenbeck noising of data, and the force that reverses it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.types import FloatArray


@dataclass(frozen=True)
class Noising:
    """x_t = exp(-t) x_0 + sigma_t eps with sigma_t^2 = 1 - exp(-2t); t is the noising time.

    `speed` c is how fast the array runs the noising backwards. `temperature` D = kT/kT_0 is that of
    the array's bath. The array must supply F* = c x + (c + D) grad log p_t (arXiv:2506.19136 for
    c = D = 1).

    Raises:
        InvalidInput: the speed is not above zero, or the temperature is negative.
    """

    speed: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.speed < np.inf:
            raise InvalidInput(f"speed is {self.speed}, but must be finite and above zero")
        if not 0 <= self.temperature < np.inf:
            raise InvalidInput(
                f"temperature is {self.temperature}, but must be finite and zero or more"
            )

    def decay(self, t: float) -> float:
        """Return exp(-t), the factor by which data have shrunk."""
        return float(np.exp(-t))

    def variance(self, t: float) -> float:
        """Return sigma_t^2."""
        return float(-np.expm1(-2 * t))

    def sigma(self, t: float) -> float:
        """Return sigma_t."""
        return self.variance(t) ** 0.5

    def noised(self, data: FloatArray, noise: FloatArray, t: float) -> FloatArray:
        """Return x_t from `data` x_0 and unit `noise` eps, both `[batch, oscillator]`."""
        return self.decay(t) * data + self.sigma(t) * noise

    def reverse_force(self, noised: FloatArray, noise: FloatArray, t: float) -> FloatArray:
        """Return the denoising form of F*: c x_t - (c + D) eps / sigma_t, `[batch, oscillator]`."""
        scale = (self.speed + self.temperature) / self.sigma(t)
        return self.speed * noised - scale * noise

    def score_force(self, noised: FloatArray, score: FloatArray) -> FloatArray:
        """Return F* = c x + (c + D) grad log p_t from a known score, `[batch, oscillator]`."""
        return self.speed * noised + (self.speed + self.temperature) * score

    def path_force(self, start: FloatArray, end: FloatArray, duration: float) -> FloatArray:
        """Return F* at the `end` y of a noising path that was at `start` y_0 a `duration` d before.

        F* = c y + (c + D) (exp(-d) y_0 - y) / (1 - exp(-2d)), all `[batch, oscillator]`. The score
        is that of the transition; its mean over y_0 given y is the score of p_t. To first order in
        d it is the reversed motion, (y_0 - y) / d for c = D = 1 (arXiv:2506.15121).
        """
        score = (self.decay(duration) * start - end) / self.variance(duration)
        return self.score_force(end, score)

    def denoised(self, positions: FloatArray, forces: FloatArray, t: float) -> FloatArray:
        """Return E[x_0 | x_t] by Tweedie's formula from a force reading, `[batch, oscillator]`."""
        score = (forces - self.speed * positions) / (self.speed + self.temperature)
        return (positions + self.variance(t) * score) / self.decay(t)
